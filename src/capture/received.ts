/** Whether what the sides of a connection send is there without gaps, by the numbers of its bytes: RFC 9293. */
import type { Packet } from './packet.ts';

export interface Reception {
  /** There is something in it that was not there before. */
  readonly isNew: boolean;
  /** Whose packets are missing, or not whole: addresses. */
  readonly missing: readonly string[];
}

/** As tshark counts: of a connection whose begin it has not seen, too, from what its first packet says of either side. */
const FIRST = 1;

export class Received {
  /** By the address of the sender: the number of the byte that is to come, modulo 2^32. */
  readonly #next = new Map<string, number>();

  readonly #closedBy = new Set<string>();
  /** Neither side says anything more. */
  isOver = false;

  /** Nothing that was sent before it is missing, as far as the packets tell that were taken. */
  isNext({ from, to, sequence, acknowledged }: Packet): boolean {
    const isAhead = aheadOf(sequence, this.#nextOf(from)) > 0;
    return !isAhead && (acknowledged === undefined || aheadOf(acknowledged, this.#nextOf(to)) <= 0);
  }

  take({ from, to, sequence, acknowledged, length, capturedLength, isFin, isReset }: Packet): Reception {
    if (isFin) this.#closedBy.add(from);
    this.isOver = isReset || this.#closedBy.size === 2;
    const missing: string[] = [];
    const ahead = aheadOf(sequence, this.#nextOf(from));
    if (ahead > 0 || capturedLength < length) missing.push(from);
    // A FIN is counted as a byte.
    const end = length + (isFin ? 1 : 0);
    if (ahead + end > 0) this.#next.set(from, (sequence + end) >>> 0);
    if (acknowledged !== undefined) {
      // The other side has seen all before it.
      const unseen = aheadOf(acknowledged, this.#nextOf(to));
      if (unseen > 0) {
        missing.push(to);
        this.#next.set(to, acknowledged);
      }
    }
    return { isNew: ahead >= 0, missing };
  }

  #nextOf(address: string): number {
    return this.#next.get(address) ?? FIRST;
  }
}

/** @returns bytes; as a signed number it tells what is behind. */
function aheadOf(sequence: number, next: number): number {
  return (sequence - next) | 0;
}
