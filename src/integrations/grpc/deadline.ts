/** Time limits: from grpc-js's wall clock to the clock of performance.now(). */

import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { Deadline } from '../../operation/operation.ts';

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
