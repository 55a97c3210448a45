/** Puts slices on as few tracks as they need: on one track a slice is inside of another or beside it, never across. Pure. */

export interface Placeable {
  readonly fromNs: number;
  readonly toNs: number;
}

export class Lanes<Slice extends Placeable> {
  readonly #mayHold: (outer: Slice, inner: Slice) => boolean;
  /** Of each lane what is open, the innermost last. */
  readonly #open: Slice[][] = [];

  /** @param mayHold whether one may be drawn inside of another, when it fits in there */
  constructor(mayHold: (outer: Slice, inner: Slice) => boolean) {
    this.#mayHold = mayHold;
  }

  /**
   * In the order of their starts.
   * @param preferred is looked at first
   * @returns the number of the lane, from 0
   */
  place(slice: Slice, preferred?: number): number {
    if (preferred !== undefined && this.#fits(slice, this.#open[preferred] ?? []))
      return this.#put(slice, preferred);
    const free = this.#open.findIndex((open) => this.#fits(slice, open));
    return this.#put(slice, free === -1 ? this.#open.length : free);
  }

  #put(slice: Slice, lane: number): number {
    this.#open[lane] ??= [];
    this.#open[lane].push(slice);
    return lane;
  }

  #fits(slice: Slice, open: Slice[]): boolean {
    let around = open.at(-1);
    for (; around !== undefined && around.toNs <= slice.fromNs; around = open.at(-1)) open.pop();
    return around === undefined || (slice.toNs <= around.toNs && this.#mayHold(around, slice));
  }
}
