import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compareRandomPrograms } from './differential.ts';

/** `npm run fuzz` runs as many as you like. */
const PROGRAMS = 300;

it('a listener too many is found, and the smallest program that shows it', async () => {
  await assert.rejects(compareRandomPrograms(200, 1, undefined, 'tampered'), ({ message, cause }: Error) => {
    assert.match(`${message} ${cause}`, /socket 1/);
    const [, operations = ''] = /Counterexample: \[(.*)\]/.exec(message) ?? [];
    assert.equal(operations.match(/"client":/g)?.length, 1, message);
    return true;
  });
});

it('random programs see the same without and with the instrumentation', async (test) => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007);
  test.diagnostic(`seed ${seed}`);
  const { uncertain } = await compareRandomPrograms(PROGRAMS, seed);
  // Otherwise it would pass for want of programs.
  assert.ok(
    uncertain < PROGRAMS / 10,
    `${uncertain} of ${PROGRAMS} programs do not end the same way each time`,
  );
});
