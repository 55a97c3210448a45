/** Milliseconds to the microsecond: what is behind that is noise of floating point, and hard to read. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
