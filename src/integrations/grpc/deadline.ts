/** Time limits: set, passed; from grpc-js's wall clock to the clock of performance.now(). */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { Deadline, Operation } from '../../operation/operation.ts';
import type { ResolvingCall } from './internals.ts';

/** What setTimeout() can count: grpc-js, too, takes anything longer for no limit at all. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** A deadline that was passed by more than this was never one: it is a duration, or in seconds. */
const YEAR_MS = 31_536_000_000;

/** @returns undefined when there is no limit */
export function deadlineFrom(
  at: number | Date,
  source: string,
  stack: Stack | undefined,
): Deadline | undefined {
  // For grpc-js the time is over as well before 1970, and at what is no time: NaN, as of an invalid Date.
  const timeoutMs = Math.max(0, Number(at) || 0) - Date.now();
  if (timeoutMs > MAX_TIMEOUT_MS) return undefined;
  return { atMs: performance.now() + timeoutMs, timeoutMs, source, stack };
}

/** True when this point of the wall clock is over. */
export function hasPassed(at: number | Date): boolean {
  return !(Date.now() < Number(at) - CLOCK_SLACK_MS);
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
  const source = Object.is(Number(call.deadline), Number(given)) ? 'option' : 'inherited';
  const deadline = deadlineFrom(call.deadline, source, host.captureDeadlineStack(above));
  if (deadline === undefined) return;
  host.setDeadline(operation, deadline);
  // Who passes on what is left, which may be nothing, has the call end at once, and rightly.
  if (deadline.timeoutMs < -YEAR_MS) {
    const detail = `its deadline is ${Number(call.deadline)}: grpc-js takes ms since 1970`;
    host.addFinding(operation, 'deadline_already_past', detail);
  }
}

/** Between the looks at the two clocks a busy machine may do something else. */
const CLOCKS_APART_MS = 50;

/** The service config may limit a call further after it was made; it says so only by the timer. */
export function noteConfiguredDeadline(host: Host, call: ResolvingCall, operation: Operation): void {
  const atMs = operation.deadline?.atMs;
  const actual = deadlineFrom(call.deadline, 'timeout', undefined);
  if (actual === undefined || (atMs !== undefined && atMs - actual.atMs < CLOCKS_APART_MS)) return;
  host.setDeadline(operation, { ...actual, timeoutMs: actual.atMs - operation.startedAtMs });
}
