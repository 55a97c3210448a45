import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpentTime } from '../../src/telemetry/spent-time.ts';

function spent(...stretches: [number, number][]): number | undefined {
  const time = new SpentTime();
  for (const [fromMs, toMs] of stretches) time.add('db', fromMs, toMs);
  return time.totals().get('db');
}

describe('time spent', () => {
  it('one after the other is the sum', () => assert.equal(spent([0, 10], [10, 30], [50, 60]), 40));
  it('at the same time is the union', () => assert.equal(spent([0, 10], [5, 30], [20, 25]), 30));
  it('counts once where one is inside of the other', () => assert.equal(spent([0, 100], [10, 20]), 100));
  it('may be told in any order', () => assert.equal(spent([50, 60], [0, 10], [5, 55]), 60));
  it('that is none is not there', () => {
    assert.equal(spent(), undefined);
    assert.equal(spent([10, 10], [10, 5]), undefined);
  });
  it('on one is apart from that on another', () => {
    const time = new SpentTime();
    time.add('db', 0, 10);
    time.add('http', 5, 30);
    assert.deepEqual(
      [...time.totals()],
      [
        ['db', 10],
        ['http', 25],
      ],
    );
  });
});
