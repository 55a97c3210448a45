/** The idle limit that setTimeout() sets on a stream or a session. */
import type { Stack } from '../../operation/evidence.ts';

export class Limit {
  readonly timeoutMs: number;
  /** Of the call of setTimeout(). */
  readonly stack: Stack | undefined;
  /** True inside of the 'timeout' event: what ends a stream there does so because of the limit. */
  isPassing = false;

  constructor(timeoutMs: number, stack: Stack | undefined) {
    this.timeoutMs = timeoutMs;
    this.stack = stack;
  }
}
