/**
 * How many stacks may be taken, whole and of what others do at all: one costs 5 to 20 µs, and an application may make ten thousand queries in a
 * second. So many that of usual work every line is known, and that of a burst the first ones are.
 */
const MAX_PER_SECOND = 200;
const MAX_AT_ONCE = 100;

export class StackBudget {
  #left = MAX_AT_ONCE;
  #countedAtMs = 0;

  /** @param nowMs on the clock of performance.now() */
  take(nowMs: number): boolean {
    this.#left = Math.min(this.#left + ((nowMs - this.#countedAtMs) * MAX_PER_SECOND) / 1_000, MAX_AT_ONCE);
    this.#countedAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
