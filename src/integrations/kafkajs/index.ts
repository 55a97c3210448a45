/**
 * kafkajs: how a handler of messages ends, for which @opentelemetry/instrumentation-kafkajs makes the span. That one tells
 * no error but its message, and of a DOMException, as of every AbortSignal, not even that.
 *
 * Limitations. A consumer that disconnects or stops waits for its handlers, so nothing is cancelled by that. That the group has
 * given a partition to another member is known to kafkajs only when the handler is done.
 */
import type { Integration } from '../../integration.ts';
import { watchConsumers } from './consumer-hooks.ts';

export const kafkajsIntegration: Integration = {
  name: 'kafkajs',
  files: [
    {
      packageName: 'kafkajs',
      supportedVersions: ['>=2.0.0 <3'],
      path: 'src/index.js',
      missedWhenLate: 'consumers made before',
      patch: watchConsumers,
    },
  ],
};
