/**
 * The packets of one connection in the order in which they were sent. Where several processors have them, a capture may have an
 * answer before what it answers: such a packet waits for a moment, and only then something is missing.
 */
import type { Packet } from './packet.ts';
import { Received, type Reception } from './received.ts';

/** By the clock of the capture. */
const WAITS_MS = 100;
const MAX_WAITING = 64;

export interface Taken {
  readonly packet: Packet;
  readonly reception: Reception;
  /** It was recorded after what was sent later. */
  readonly isLate: boolean;
}

export class InOrder {
  readonly #received = new Received();
  readonly #waiting: Packet[] = [];

  /** Neither side says anything more, and nothing waits. */
  get isOver(): boolean {
    return this.#received.isOver && this.#waiting.length === 0;
  }

  *take(packet: Packet): Generator<Taken> {
    if (this.#waiting.length === 0 && this.#received.isNext(packet)) {
      yield this.#taken(packet);
      return;
    }
    const isAwaited = this.#waiting.length > 0;
    this.#waiting.push(packet);
    for (const taken of this.#next())
      yield isAwaited && taken.packet === packet ? { ...taken, isLate: true } : taken;
    if (this.#waiting.length > MAX_WAITING) yield* this.giveUp(this.#waiting[0]?.atMs ?? 0);
    yield* this.giveUp(packet.atMs - WAITS_MS);
  }

  /** What came until then waits no longer. */
  *giveUp(untilMs: number): Generator<Taken> {
    for (let [first] = this.#waiting; first !== undefined && first.atMs <= untilMs; [first] = this.#waiting) {
      this.#waiting.shift();
      yield this.#taken(first);
      yield* this.#next();
    }
  }

  *#next(): Generator<Taken> {
    for (;;) {
      const index = this.#waiting.findIndex((packet) => this.#received.isNext(packet));
      const [packet] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (packet === undefined) return;
      yield this.#taken(packet);
    }
  }

  #taken(packet: Packet): Taken {
    return { packet, reception: this.#received.take(packet), isLate: false };
  }
}
