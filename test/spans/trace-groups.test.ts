/** Spans that come in any order are given back by their traces, also when they do not fit the memory. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { Distribution } from '../../src/desk/distribution.ts';
import { Counts, OTHER, Tallies } from '../../src/desk/tallies.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { textLines } from '../../src/spans/text-lines.ts';
import { TraceGroups } from '../../src/spans/trace-groups.ts';
import { spanOf } from '../support/span-of.ts';

/** In an order that has nothing to do with their traces, and half of them twice. */
function shuffled(spans: readonly ExportedSpan[]): ExportedSpan[] {
  const twice = [...spans, ...spans.filter((_, index) => index % 2 === 0)];
  return twice
    .map((span, index) => ({ span, at: (index * 7_919) % twice.length }))
    .sort((a, b) => a.at - b.at)
    .map(({ span }) => span);
}

async function grouped(spans: readonly ExportedSpan[], maxWeight: number) {
  const groups = new TraceGroups(maxWeight);
  for (let index = 0; index < spans.length; index += 50) await groups.add(spans.slice(index, index + 50));
  const traces = new Map<string, string[]>();
  for await (const trace of groups.traces()) {
    const [{ traceId }] = trace as [ExportedSpan];
    assert.ok(!traces.has(traceId), 'a trace is given once');
    assert.ok(trace.every((span) => span.traceId === traceId));
    traces.set(traceId, trace.map(({ spanId }) => spanId).sort());
  }
  await groups.close();
  return { traces, leftOut: groups.leftOutSpanCount };
}

const names = Array.from({ length: 300 }, (_, index) => index.toString(16));
const traces = names.map((name) => [spanOf(name), spanOf(name), spanOf(name)]);
const expected = new Map(
  traces.map((spans) => [String(spans[0]?.traceId), spans.map(({ spanId }) => spanId).sort()]),
);
const filesBefore = readdirSync(tmpdir()).filter((name) => name.startsWith('cancel-trace-'));

describe('traces', () => {
  for (const [what, maxWeight] of [
    ['fit the memory', 2 ** 30],
    ['go to files', 200_000],
    ['go to files, of which most do not fit the memory either', 18_000],
  ] as const) {
    it(`are whole when they ${what}`, async () => {
      const { traces: found, leftOut } = await grouped(shuffled(traces.flat()), maxWeight);
      assert.deepEqual([...found].sort(), [...expected].sort());
      assert.equal(leftOut, 0);
    });
  }

  it('that are larger than the memory alone lack what does not fit, which is counted', async () => {
    const large = Array.from({ length: 100 }, () => spanOf('large'));
    const { traces: found, leftOut } = await grouped([...large, ...traces.flat()], 20_000);
    const kept = found.get('large'.padStart(32, '0'))?.length ?? 0;
    assert.ok(kept > 10 && kept < 50);
    assert.equal(kept + leftOut, 100);
    assert.equal(found.size, expected.size + 1);
  });

  it('leave no file behind', () => {
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('cancel-trace-') && !filesBefore.includes(name)),
      [],
    );
  });
});

describe('lines', () => {
  const linesOf = async (...chunks: (string | Uint8Array)[]) => {
    const bytes = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk as string);
    })();
    const lines = [];
    for await (const { text, isEnded } of textLines(bytes)) lines.push(isEnded ? text : `${text}…`);
    return lines;
  };
  it('end at a line feed only, wherever a piece ends', async () => {
    assert.deepEqual(await linesOf('a\nb', 'c\n\n', '"\u2028"\r\n', 'd'), [
      'a',
      'bc',
      '',
      '"\u2028"\r',
      'd…',
    ]);
    const euro = Buffer.from('€');
    assert.deepEqual(await linesOf('\uFEFFx', euro.subarray(0, 1), euro.subarray(1), '\n'), ['x€']);
    assert.deepEqual(await linesOf(), []);
  });
});

describe('in a bounded room', () => {
  it('of names that are too many all others are one', () => {
    const tallies = new Tallies((a = '', b = '') => ({ name: `${a} ${b}`, count: 0 }), 3);
    for (const name of ['one', 'two', 'three', 'one', 'four']) tallies.of(name, 'x').count++;
    assert.deepEqual(tallies.all(), [
      { name: 'one x', count: 2 },
      { name: 'two x', count: 1 },
      { name: `${OTHER} ${OTHER}`, count: 2 },
    ]);
    const counts = new Counts();
    for (const text of ['a', 'b', 'b']) counts.add(text);
    assert.deepEqual(counts.most(1), [{ text: 'b', count: 2 }]);
  });

  it('values are known to within 1 %', () => {
    const distribution = new Distribution();
    for (let value = -5_000; value <= 5_000; value++) distribution.add(value / 10);
    for (const [share, value] of [
      [0, -500],
      [0.05, -450],
      [0.25, -250],
      [0.5, 0],
      [0.75, 250],
      [0.95, 450],
      [1, 500],
    ] as const)
      assert.ok(Math.abs(distribution.quantile(share) - value) <= Math.abs(value) * 0.011 + 0.2, `${share}`);
    assert.deepEqual([distribution.least, distribution.most, distribution.count], [-500, 500, 10_001]);
    assert.ok(Number.isNaN(new Distribution().quantile(0.5)));
  });
});
