/** What it means for messages that were not answered: the broker takes them back, and gives them to others. */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Channel, CloseError } from './internals.ts';

const phase = 'handle';

/** @param above the hook */
export function closedHere(host: Host, channels: readonly Channel[], above: StackTop): void {
  const jobs = jobsOf(host, channels);
  if (jobs.length === 0) return;
  const stack = host.captureStack(above);
  for (const job of jobs)
    host.cancel(job, { kind: 'local', trigger: 'shutdown', phase, reason: undefined, stack });
}

export function closedByBroker(host: Host, channel: Channel, error: CloseError): void {
  const reason = String(error.message);
  // Otherwise amqplib closes it, by a fault of what it has received.
  if (!reason.startsWith('Channel closed by server')) return;
  const limitMs = consumerLimitMs(reason);
  for (const job of host.jobsFrom(channel)) host.cancel(job, takenBack(job, reason, limitMs));
}

/** Of the messages on a channel that is closed since the limit of one has passed, it is that of the one which was given so long ago. */
function takenBack({ startedAtMs }: Operation, reason: string, limitMs: number): Evidence {
  return performance.now() - startedAtMs >= limitMs
    ? { kind: 'peer-status', phase, outcome: 'deadline_exceeded', reason }
    : { kind: 'peer-reset', phase, reason };
}

/** RabbitMQ's `consumer_timeout`, in which a message has to be answered. Infinity: it is not that. */
function consumerLimitMs(reason: string): number {
  const [, limitMs] = /acknowledgement .*timed out\. Timeout value used: (\d+) ms/.exec(reason) ?? [];
  return limitMs === undefined ? Number.POSITIVE_INFINITY : Number(limitMs);
}

export function connectionGone(host: Host, channels: readonly Channel[], error: CloseError): void {
  // By a word of the broker, or without one.
  const isTold = typeof error.code === 'number';
  for (const job of jobsOf(host, channels)) {
    host.cancel(
      job,
      isTold ? { kind: 'peer-reset', phase, reason: String(error.message) } : { kind: 'peer-gone', phase },
    );
  }
}

function jobsOf(host: Host, channels: readonly Channel[]): Operation[] {
  return channels.flatMap((channel) => host.jobsFrom(channel));
}
