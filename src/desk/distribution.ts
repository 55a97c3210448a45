/** Any number of values in a bounded room: each is known to within 1 %, and to within 0.1 near zero. */

const RATIO = 1.02;
const LOG_RATIO = Math.log(RATIO);
/** Smaller ones are taken for zero. */
const LEAST = 0.1;

export class Distribution {
  /** By the logarithm of the value: above zero that of positive ones, below that of negative ones. */
  readonly #buckets = new Map<number, number>();
  count = 0;
  sum = 0;
  least: number = Number.POSITIVE_INFINITY;
  most: number = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.count++;
    this.sum += value;
    this.least = Math.min(this.least, value);
    this.most = Math.max(this.most, value);
    const bucket = bucketOf(value);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  /** @param share from 0, the least, to 1, the most; 0.5: the middle one. NaN where there is none */
  quantile(share: number): number {
    if (this.count === 0) return Number.NaN;
    let left = Math.min(this.count - 1, Math.floor(this.count * share));
    for (const bucket of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      left -= this.#buckets.get(bucket) as number;
      if (left < 0) return Math.min(this.most, Math.max(this.least, middleOf(bucket)));
    }
    return this.most;
  }
}

function bucketOf(value: number): number {
  const size = Math.abs(value);
  if (size < LEAST) return 0;
  return Math.sign(value) * (1 + Math.floor(Math.log(size / LEAST) / LOG_RATIO));
}

/** The middle of it. */
function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  return Math.sign(bucket) * LEAST * RATIO ** (Math.abs(bucket) - 0.5);
}
