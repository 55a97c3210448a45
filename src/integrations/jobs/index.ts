/**
 * Jobs and messages of any queue whose instrumentation makes CONSUMER spans: each is an incoming operation, and cancelled when it
 * fails by a signal that was aborted or whose limit has passed. What else ends one is known of each library (bullmq, kafkajs).
 *
 * Limitations. Where no library is known, that a job failed is what its span says: by recordException() of the error, and a
 * status of error. The span of a provider that is not the global one is seen when one of that has been before.
 */
import type { Integration } from '../../integration.ts';

export const jobsIntegration: Integration = {
  name: 'jobs',
  install: (host) => host.watchJobs(),
};
