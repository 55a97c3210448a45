/** Something for each name that is seen. Strangers choose the names, so there is room for so many; of more all are one. */

/** What stands for all names that there is no room for, as in metrics. */
export const OTHER = '_OTHER';

export class Tallies<T> {
  readonly #make: (...names: string[]) => T;
  readonly #max: number;
  readonly #byKey = new Map<string, T>();

  /** @param make of the names that `of()` is given */
  constructor(make: (...names: string[]) => T, max = 10_000) {
    this.#make = make;
    this.#max = max;
  }

  of(...names: string[]): T {
    const key = names.join('\u0000');
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    // The last place is that of all others.
    const isFull = this.#byKey.size >= this.#max - 1;
    if (isFull && names.some((name) => name !== OTHER)) return this.of(...names.map(() => OTHER));
    const made = this.#make(...names);
    this.#byKey.set(key, made);
    return made;
  }

  /** In the order in which they were first seen. */
  all(): T[] {
    return [...this.#byKey.values()];
  }

  get isFull(): boolean {
    return this.#byKey.size >= this.#max;
  }
}

/** How often each of some texts was seen. */
export class Counts {
  readonly #tallies: Tallies<{ readonly text: string; count: number }>;

  constructor(max = 1_000) {
    this.#tallies = new Tallies((text = '') => ({ text, count: 0 }), max);
  }

  add(text: string): void {
    this.#tallies.of(text).count++;
  }

  /** The most frequent ones. */
  most(max: number): { readonly text: string; readonly count: number }[] {
    return this.#tallies
      .all()
      .sort((a, b) => b.count - a.count)
      .slice(0, max);
  }
}
