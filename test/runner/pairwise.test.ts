import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pairsOf, pairwise } from '../versions/support/pairwise.ts';

const possible = ['20', '22', '24'].flatMap((node) =>
  ['2', '3'].flatMap((sdk) =>
    ['6', '7', '8'].flatMap((undici) => ['cjs', 'esm'].map((type) => ({ node, sdk, undici, type }))),
  ),
);

it('each two versions that can meet do, in far fewer combinations, and none that cannot be', () => {
  const some = possible.filter(({ node, sdk, undici }) => node !== '20' || (sdk === '2' && undici !== '8'));
  const chosen = pairwise(some);
  assert.deepEqual(new Set(chosen.flatMap(pairsOf)), new Set(some.flatMap(pairsOf)));
  assert.ok(
    chosen.every((one) => some.includes(one)),
    'they can be',
  );
  assert.ok(chosen.length <= 12, `${chosen.length} of ${some.length}`);
});
