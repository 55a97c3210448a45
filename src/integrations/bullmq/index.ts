/**
 * bullmq: how jobs end, for which bullmq-otel makes the span. Cancelled by cancelJob(), by a forced close of the worker, by the
 * queue (the lock is lost: another worker has the job), or by a signal or a limit that the processor fails with.
 *
 * Limitations. That cancelJob() was called is seen of processors that take its signal. Of a processor in a process of its own
 * the error is a copy: that it comes from a signal is not known, and what it does is seen in that process alone.
 */
import type { Integration } from '../../integration.ts';
import { watchWorker } from './worker-hooks.ts';

export const bullmqIntegration: Integration = {
  name: 'bullmq',
  files: [
    {
      packageName: 'bullmq',
      supportedVersions: ['>=5.56.0 <7'],
      path: 'dist/cjs/classes/worker.js',
      missedWhenLate: 'jobs under way',
      patch: watchWorker,
    },
  ],
};
