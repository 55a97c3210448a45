/**
 * Operations leave nothing behind: no memory, no listener, no timer, no open span. MEMORY_TEST_OPERATIONS says how many there are; the default
 * keeps the test short. `npm run test:leaks` is the same with a million of each kind, by each protocol.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findLeaks, leaksOf, megabytes } from './leaks.ts';
import { type Case, measure } from './measure.ts';

const operations = Number(process.env.MEMORY_TEST_OPERATIONS ?? 20_000);
/** What never ends: more than the 10 000 that are followed by far, or it tells nothing. */
const FORGOTTEN = 30_000;

const cases: [protocol: Case['protocol'], kind: Case['kind'], total: number][] = [
  ['http', 'healthy', 0.3 * operations],
  ['grpc', 'healthy', 0.15 * operations],
  ['http', 'cancelled', 0.05 * operations],
  ['grpc', 'cancelled', 0.05 * operations],
  ['http', 'held', 0.03 * operations],
  ['grpc', 'held', 0.03 * operations],
  ['http2', 'mixed', 0.02 * operations],
  ['fetch', 'mixed', 0.02 * operations],
  ['http', 'forgotten', FORGOTTEN],
  ['grpc', 'forgotten', FORGOTTEN],
];

describe('nothing is left', () => {
  for (const [protocol, kind, total] of cases) {
    it(`of ${total} operations, ${protocol}, ${kind}`, async (test) => {
      const { report, leaks } = await findLeaks({ protocol, kind, total });
      test.diagnostic(`heap ${report.marks.map(({ heapBytes }) => megabytes(heapBytes)).join(', ')}`);
      assert.deepEqual(leaks, []);
    });
  }

  it('what leaks is found, each kind of it', async () => {
    const task = { protocol: 'http', kind: 'healthy', total: 400, isPlanted: true } as const;
    assert.deepEqual(
      leaksOf(task, await measure(task)).map((leak) => leak.split(':')[0]),
      [
        ...['open', 'heap', 'signalListeners', 'processListeners', 'timers', 'weakRefs', 'handles'],
        'complaints',
      ],
    );
  });
});
