/**
 * How often a database is asked to cancel a query: one that overtakes its query, or meets it where it cannot be stopped, has
 * no effect.
 */
const PAUSES_MS = [100, 300];

/** @param attempt 1 for the first. @returns how long to wait for the next, in ms; undefined when it was the last */
export function pauseAfterMs(attempt: number): number | undefined {
  return PAUSES_MS[attempt - 1];
}
