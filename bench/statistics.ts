export interface Estimate {
  median: number;
  /** The true median lies between these with at least 95 % probability; undefined with fewer than 6 values. */
  interval: [low: number, high: number] | undefined;
}

export function estimate(values: number[]): Estimate {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const cut = outerRanks(sorted.length);
  const low = sorted[cut];
  const high = sorted[sorted.length - 1 - cut];
  return {
    median: median(sorted),
    interval: cut < 0 || low === undefined || high === undefined ? undefined : [low, high],
  };
}

function median(sorted: number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * How many of the sorted values may be left out at each end.
 * A value is above the true median as often as a coin shows heads, whatever the distribution:
 * the ranks follow from the binomial distribution, and outliers do no harm.
 *
 * @returns -1 when there are too few values
 */
function outerRanks(count: number): number {
  let below = 0.5 ** count;
  let probability = below;
  let cut = -1;
  while (probability <= 0.025 && cut < count) {
    cut++;
    below *= (count - cut) / (cut + 1);
    probability += below;
  }
  return cut;
}
