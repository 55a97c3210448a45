import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { cut } from '../../src/operation/cut.ts';

describe('cut', () => {
  it('never leaves half a surrogate pair and never exceeds the limit', () => {
    for (const text of ['😀'.repeat(40), `a${'😀'.repeat(40)}`, `ab😀${'c'.repeat(40)}`]) {
      for (let limit = 2; limit < text.length; limit++) {
        const short = cut(text, limit);
        assert.ok(short.length <= limit && short.length >= limit - 1, `${limit}: ${short.length}`);
        assert.ok(isWellFormed(short), `${limit}: ${inspect(short)}`);
        assert.ok(short.endsWith('…'));
        assert.ok(text.startsWith(short.slice(0, -1)));
      }
      assert.equal(cut(text, text.length), text);
    }
  });
});

/** String.prototype.isWellFormed, which the `lib` of this project does not have. */
function isWellFormed(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text;
}
