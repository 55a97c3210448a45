/** Whether what one side of a connection sends is there without gaps, by the numbers of its bytes: RFC 9293. */
import type { Packet } from './packet.ts';

export class Received {
  /** The number of the byte that is to come, modulo 2^32. */
  #next: number | undefined;
  /** There is something missing before the last packet, or within it. */
  hasGap = false;

  /** @returns whether there is something new in it */
  take({ sequence, length, capturedLength, isFin }: Packet): boolean {
    const next = this.#next ?? sequence;
    // As a signed number, it tells what is behind from what is ahead.
    const ahead = (sequence - next) | 0;
    this.hasGap = ahead > 0 || capturedLength < length;
    // A FIN is counted as a byte.
    const end = length + (isFin ? 1 : 0);
    if (ahead + end > 0 || this.#next === undefined) this.#next = (sequence + end) >>> 0;
    return ahead >= 0;
  }
}
