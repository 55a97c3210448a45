/**
 * amqplib: how messages are taken away from their handlers, for which @opentelemetry/instrumentation-amqplib makes the span: by
 * the channel or the connection that is closed here, by the broker, or with the connection. The broker then gives them to others.
 *
 * Limitations. That span is over when the message is acked, nacked or rejected, with `noAck` when the handler returns, and after
 * the `consumeTimeoutMs` of that instrumentation: what is done for the message then is done for none. What a handler fails with it keeps
 * to itself. A consumer that is cancelled, by either side, keeps the messages that it has, so nothing is cancelled by that.
 */
import type { Integration } from '../../integration.ts';
import { watchChannels } from './channel-hooks.ts';
import { watchConnections } from './connection-hooks.ts';

const supportedVersions = ['>=0.10.0 <3'];

export const amqplibIntegration: Integration = {
  name: 'amqplib',
  files: [
    {
      packageName: 'amqplib',
      supportedVersions,
      path: 'lib/channel.js',
      missedWhenLate: 'consumers made before',
      patch: watchChannels,
    },
    { packageName: 'amqplib', supportedVersions, path: 'lib/connection.js', patch: watchConnections },
  ],
};
