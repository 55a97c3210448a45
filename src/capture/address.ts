/** How spans are compared with what was on the wire. */

/** Clocks of one machine: a span starts on a whole millisecond. */
export const CLOCK_SLACK_MS = 2;

/** `127.0.0.1:51000`, `[::1]:51000`; undefined: the span does not have both */
export function addressAsCaptured(address: unknown, port: unknown): string | undefined {
  if (typeof address !== 'string' || typeof port !== 'number') return undefined;
  // As a server that listens on both families has it.
  const v4 = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return v4.includes(':') ? `[${v4}]:${port}` : `${v4}:${port}`;
}
