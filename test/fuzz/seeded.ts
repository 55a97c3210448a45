/** A property over random input, by a seed that a failure names. */
import type { TestContext } from 'node:test';
import fc from 'fast-check';

const RUNS = 500;

/** FUZZ_SEED runs one again. */
export function seeded<T>(test: TestContext, property: fc.IProperty<T>, numRuns: number = RUNS): void {
  fc.assert(property, { seed: seedOf(test), numRuns });
}

export async function seededAsync<T>(
  test: TestContext,
  property: fc.IAsyncProperty<T>,
  numRuns: number = RUNS,
): Promise<void> {
  await fc.assert(property, { seed: seedOf(test), numRuns });
}

function seedOf(test: TestContext): number {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007);
  test.diagnostic(`seed ${seed}`);
  return seed;
}
