import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BoundedNames } from '../../src/telemetry/bounded-names.ts';

it('the thousandth name is kept, the next one is not, and those that are known stay', () => {
  const names = new BoundedNames();
  const first = Array.from({ length: 1_000 }, (_, index) => `/item/${index}`);
  for (const name of first) assert.equal(names.bound(name), name);
  assert.equal(names.bound('/item/1000'), '_OTHER');
  assert.equal(names.bound('/item/1001'), '_OTHER');
  assert.deepEqual(
    first.map((name) => names.bound(name)),
    first,
  );
});
