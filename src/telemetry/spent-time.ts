import type { SpentOn } from './attributes.ts';

interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long something was spent on each: of what was done at the same time the union, not the sum. */
export class SpentTime<On = SpentOn> {
  readonly #stretches = new Map<On, Stretch[]>();

  add(on: On, fromMs: number, toMs: number): void {
    const stretches = this.#stretches.get(on);
    if (stretches === undefined) this.#stretches.set(on, [{ fromMs, toMs }]);
    else stretches.push({ fromMs, toMs });
  }

  /** In ms; what is not there took no time. */
  totals(): Map<On, number> {
    const totals = new Map<On, number>();
    for (const [on, stretches] of this.#stretches) {
      const totalMs = unionOf(stretches);
      if (totalMs > 0) totals.set(on, totalMs);
    }
    return totals;
  }
}

function unionOf(stretches: readonly Stretch[]): number {
  let totalMs = 0;
  let endMs = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of stretches.toSorted((a, b) => a.fromMs - b.fromMs)) {
    totalMs += Math.max(toMs - Math.max(fromMs, endMs), 0);
    endMs = Math.max(endMs, toMs);
  }
  return totalMs;
}
