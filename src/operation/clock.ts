/** Timers may fire a millisecond early, and both clocks, that of the wall and that of performance.now(), round. */
export const CLOCK_SLACK_MS = 2;

/**
 * Unix time in ms of an instant on the clock of performance.now(), as the clock of the wall is now. `performance.timeOrigin`
 * would not do: the two part in the life of a process, by seconds where the machine slept.
 */
export function toUnixMs(atMs: number): number {
  return Date.now() + (atMs - performance.now());
}
