/** A few seconds of cancel storm; `npm run test:storm` is a minute for each receiver. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { faultsOf, type Storm, storm } from './storm.ts';

const SECONDS = 2;

describe('an application in a cancel storm sees what it sees without us, and each span is exported or counted, where the receiver', () => {
  let bare: Storm;
  before(async () => {
    bare = await storm(SECONDS);
    assert.equal(Object.keys(bare.seen.endings).length, 1, 'without us each round ends in the same way');
  });
  for (const receiver of [
    'takes all',
    'never answers',
    'absent',
    'answers 429, Retry-After: 1',
    'fails every other time',
  ]) {
    it(receiver, async () => {
      assert.deepEqual(faultsOf(await storm(SECONDS, receiver), bare), []);
    });
  }
});
