/** Time limits: set, passed; from grpc-js's wall clock to the clock of performance.now(). */
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { Deadline, Operation } from '../../operation/operation.ts';
import type { ResolvingCall } from './internals.ts';

/** What setTimeout() can count: grpc-js, too, takes anything longer for no limit at all. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @returns undefined when there is no limit */
export function deadlineFrom(
  at: number | Date,
  source: string,
  stack: Stack | undefined,
): Deadline | undefined {
  const timeoutMs = Number(at) - Date.now();
  // Written so that NaN, of an invalid Date, is no limit either.
  if (!(timeoutMs <= MAX_TIMEOUT_MS)) return undefined;
  return { atMs: performance.now() + timeoutMs, timeoutMs, source, stack };
}

/** True when this point of the wall clock is over. */
export function hasPassed(at: number | Date): boolean {
  return Date.now() >= Number(at) - CLOCK_SLACK_MS;
}

/**
 * @param given the deadline that the application said
 * @param above whose callers made the call
 */
export function setCallDeadline(
  host: Host,
  call: ResolvingCall,
  operation: Operation,
  given: number | Date,
  above: StackTop,
): void {
  if (call.deadline === Number.POSITIVE_INFINITY) return;
  // Both may be a Date; the parent's limit has won when what grpc-js keeps is not what it was given.
  const source = Number(call.deadline) === Number(given) ? 'option' : 'inherited';
  const deadline = deadlineFrom(call.deadline, source, host.captureDeadlineStack(above));
  if (deadline === undefined) return;
  host.setDeadline(operation, deadline);
  if (deadline.timeoutMs <= 0) {
    host.addFinding(
      operation,
      'deadline_already_past',
      `started ${-deadline.timeoutMs} ms after its deadline`,
    );
  }
}

/** The service config may limit a call after it was made; it says so only by the timer. */
export function noteConfiguredDeadline(host: Host, call: ResolvingCall, operation: Operation): void {
  const atMs = operation.deadline?.atMs;
  const actual = deadlineFrom(call.deadline, 'timeout', undefined);
  if (actual === undefined || (atMs !== undefined && Math.abs(atMs - actual.atMs) < 10)) return;
  host.setDeadline(operation, { ...actual, timeoutMs: actual.atMs - operation.startedAtMs });
}
