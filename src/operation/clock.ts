/** Timers may fire a millisecond early, and both clocks, that of the wall and that of performance.now(), round. */
export const CLOCK_SLACK_MS = 2;
