/** What is kept, what makes room, what is found, and what survives a restart. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { apiRoutes } from '../../src/desk/api.ts';
import { beyondMapsOf } from '../../src/desk/beyond.ts';
import { deadlinesOf } from '../../src/desk/deadlines.ts';
import { filterOf, isFound } from '../../src/desk/filter.ts';
import { KeepFile } from '../../src/desk/keep-file.ts';
import { linesOf } from '../../src/desk/lines.ts';
import { overviewOf } from '../../src/desk/overview.ts';
import { rowsOf } from '../../src/desk/page/rows.ts';
import { SpanStore } from '../../src/desk/store.ts';
import { summaryOf } from '../../src/desk/summary.ts';
import { WorkNow } from '../../src/desk/work-now.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { workedFor } from '../../src/spans/work-after-cancel.ts';

let ids = 0;

function span(traceId: string, given: Partial<ExportedSpan> = {}): ExportedSpan {
  ids++;
  return {
    traceId: traceId.padStart(32, '0'),
    spanId: ids.toString(16).padStart(16, '0'),
    parentSpanId: undefined,
    ...{ name: 'GET', kind: 'server', serviceName: 'shop', scopeName: '' },
    ...{ startMs: 1_000, endMs: 1_100, durationMs: 100, status: { code: 'unset', message: '' } },
    ...{ attributes: {}, events: [], links: [] },
    ...given,
  };
}

function cancelled(traceId: string, attributes: Record<string, unknown> = {}): ExportedSpan {
  return span(traceId, {
    attributes: {
      ...{ 'context.canceled': true, 'cancel.initiator': 'local', 'cancel.trigger': 'abort' },
      ...{
        'cancel.origin': 'leave (/app/shop.js:3:7)',
        'url.path': '/orders/7',
        'http.route': '/orders/:id',
      },
      ...attributes,
    },
    events: [{ name: 'context.canceled', timeMs: 1_050, attributes: {} }],
  });
}

describe('the store', () => {
  it('keeps a span that comes twice once', () => {
    const store = new SpanStore();
    const one = span('1');
    store.add([one, span('1')]);
    store.add([one]);
    assert.deepEqual([store.spanCount, store.traceCount, store.droppedSpanCount], [2, 1, 0]);
  });
  it('makes room by the traces that heard nothing for longest, and counts what went', () => {
    const store = new SpanStore(4);
    store.add([span('1'), span('1')]);
    store.add([span('2')]);
    store.add([span('1')]);
    store.add([span('3')]);
    assert.deepEqual(
      store.traces().map(({ traceId }) => traceId.at(-1)),
      ['3', '1'],
    );
    assert.deepEqual([store.spanCount, store.droppedSpanCount], [4, 1]);
  });
  it('keeps the newest spans of a trace that fills it alone', () => {
    const store = new SpanStore(3);
    const spans = Array.from({ length: 5 }, () => span('1'));
    store.add(spans);
    assert.deepEqual(store.trace('1'.padStart(32, '0'))?.spans, spans.slice(2));
    assert.equal(store.droppedSpanCount, 2);
  });
});

describe('filters', () => {
  const store = new SpanStore();
  store.add([cancelled('1'), span('1', { serviceName: 'stock', kind: 'client' })]);
  store.add([cancelled('2', { 'cancel.initiator': 'peer', 'cancel.trigger': 'disconnect', note: 'Blue' })]);
  store.add([span('3')]);
  const found = (query: string): string[] =>
    store
      .traces()
      .filter((trace) => isFound(trace, filterOf(new URLSearchParams(query))))
      .map(({ traceId }) => traceId.at(-1) as string)
      .sort();

  for (const [query, expected] of [
    ['', ['1', '2']],
    ['all=true', ['1', '2', '3']],
    ['initiator=peer', ['2']],
    ['trigger=abort', ['1']],
    ['service=stock', ['1']],
    ['service=stock&initiator=local', []],
    ['outcome=deadline_exceeded', []],
    ['origin=SHOP.js:3', ['1', '2']],
    ['operation=/orders', ['1', '2']],
    ['text=blue', ['2']],
    ['min=101', []],
    ['max=100&min=x', ['1', '2']],
  ] as const) {
    it(query || 'none: what was cancelled', () => assert.deepEqual(found(query), expected));
  }
});

describe('what is made of it', () => {
  const store = new SpanStore();
  store.add([cancelled('1'), cancelled('2'), cancelled('3', { 'cancel.origin': undefined })]);
  it('lines: how often, of which operations', () => {
    const [line, ...others] = linesOf(store.traces());
    assert.deepEqual(others, []);
    assert.equal(line?.count, 2);
    assert.deepEqual(line?.operations, ['GET /orders/:id']);
  });
  it('an overview: in which second, by whom, of how many', () => {
    const { perSecond, routes, startMs } = overviewOf(store.traces(), 1_900, 2);
    assert.equal(startMs, 0);
    assert.deepEqual(perSecond.local, [0, 3]);
    assert.deepEqual(perSecond.deadline_exceeded, [0, 0]);
    assert.deepEqual(routes, [{ service: 'shop', route: 'GET /orders/:id', count: 3, cancelledCount: 3 }]);
  });
  it('deadlines: by operation, and by what was pending where that was followed', () => {
    const late = { 'deadline.timeout_ms': 50, 'deadline.deviation_ms': 40 };
    const pending = ['PROMISE', 'Timeout'].map((type) => ({
      ...{ name: 'cancel.async', timeMs: 1_050, attributes: { 'cancel.async.type': type } },
    }));
    const timed = new SpanStore();
    timed.add([
      span('1', { attributes: { 'deadline.timeout_ms': 50, 'deadline.deviation_ms': -20 } }),
      span('2', { attributes: late, endMs: 3_100 }),
      span('3', { attributes: { ...late, 'deadline.deviation_ms': 90 }, endMs: 3_100, events: pending }),
      span('4', { events: pending }),
    ]);
    const { operations, asyncTypes, startMs, stepMs } = deadlinesOf(timed.traces());
    assert.deepEqual([startMs, stepMs], [1_000, 1_000]);
    const told = ({ name, count, missedCount, worstMs }: (typeof operations)[number]): unknown[] => [
      ...[name, count, missedCount, worstMs],
    ];
    assert.deepEqual(operations.map(told), [['GET (server)', 3, 2, 90]]);
    assert.deepEqual(asyncTypes.map(told), [
      ['PROMISE', 1, 1, 90],
      ['Timeout', 1, 1, 90],
    ]);
    const late2s = { count: 1, missedCount: 1, worstMs: 90 };
    assert.deepEqual(asyncTypes[0]?.cells.slice(0, 3), [null, null, late2s]);
  });
  it('the time beyond deadlines: each cell of its maps finds the traces in it', () => {
    const late = { ...cancelled('1').attributes, 'deadline.timeout_ms': 50, 'deadline.deviation_ms': 40 };
    const events = ['PROMISE', 'Timeout'].map((type, index) => ({
      name: 'cancel.async',
      timeMs: 1_050,
      attributes: { 'cancel.async.type': type, 'cancel.async.depth': 1 + index },
    }));
    const timed = new SpanStore();
    timed.add([span('1', { attributes: late, events }), span('2', { attributes: late }), cancelled('3')]);
    const { asyncTypes, spans, durations, depths } = beyondMapsOf(timed.traces());
    assert.deepEqual([asyncTypes.length, spans.length], [2, 1]);
    for (const { service, type, byDuration, byDepth } of [...asyncTypes, ...spans]) {
      for (const [name, names, cells] of [
        ['beyond', durations, byDuration],
        ['depth', depths, byDepth],
      ] as const) {
        for (const [index, column] of names.entries()) {
          const query = new URLSearchParams({ service, spent: type, [name]: column });
          const found = timed.traces().filter((trace) => isFound(trace, filterOf(query)));
          assert.equal(found.length, cells[index]?.count ?? 0, String(query));
        }
      }
    }
  });
  it('a summary: who began it', () => {
    const [trace] = store.traces();
    assert.equal(trace && summaryOf(trace).first?.atMs, 1_050);
  });
});

describe('changes', () => {
  it('are told within a second, whenever they come', { timeout: 10_000 }, async () => {
    const store = new SpanStore();
    const info = { version: '', cwd: '', source: '', editorUrl: undefined, jaegerUrl: undefined };
    const response = await apiRoutes(store, new WorkNow(store), info).request('/changes');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const next = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
    assert.match(await next(), /"spans":0/);
    store.add([span('1')]);
    assert.match(await next(), /"spans":1/);
    store.add([span('2')]);
    assert.match(await next(), /"spans":2/);
    await reader.cancel();
  });
});

describe('the rows of a waterfall', () => {
  it('know when what they are for was cancelled: the nearest above that was', () => {
    const root = cancelled('7');
    const child = span('7', { parentSpanId: root.spanId });
    const late = cancelled('7');
    const told = { ...late, parentSpanId: child.spanId };
    const other = span('7', { parentSpanId: told.spanId, startMs: 1_001 });
    const sibling = span('7', { startMs: 1_002 });
    assert.deepEqual(
      rowsOf([root, child, told, other, sibling]).map(({ ownerCancelMs }) => ownerCancelMs),
      [undefined, 1_050, 1_050, 1_050, undefined],
    );
  });
  it('of work after a cancel: what it was for', () => {
    const root = cancelled('8');
    const work = span('8', { name: 'work after cancel', parentSpanId: root.spanId });
    assert.equal(workedFor(work, [root, work]), root);
    assert.equal(workedFor(work, [work]), work);
    assert.equal(workedFor(root, [root, work]), root);
  });
});

describe('the file that is kept', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keep-'));
  after(() => rmSync(folder, { recursive: true }));
  const request = (name: string): object => ({
    resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'a', spanId: 'b', name }] }] }],
  });
  async function namesIn(file: string): Promise<string[]> {
    const names: string[] = [];
    const kept = await KeepFile.open(file, (spans) => names.push(...spans.map(({ name }) => name)));
    await kept.close();
    return names;
  }

  it('has what was added, after a restart, and after a line that was cut off', async () => {
    const file = join(folder, 'spans.jsonl');
    const first = await KeepFile.open(file, () => assert.fail('there is no file yet'));
    await Promise.all([first.add(request('one')), first.add(request('two'))]);
    await first.close();
    appendFileSync(file, '{"resourceSpans":[{"sco');
    assert.deepEqual(await namesIn(file), ['one', 'two']);
    const again = await KeepFile.open(file, () => {});
    await again.add(request('three'));
    await again.close();
    assert.deepEqual(await namesIn(file), ['one', 'two', 'three']);
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 4);
  });
  it('is empty when its first line was cut off', async () => {
    const file = join(folder, 'cut-off.jsonl');
    writeFileSync(file, '{"resourceSpans":[{"sco');
    assert.deepEqual(await namesIn(file), []);
    assert.equal(readFileSync(file, 'utf8'), '');
  });
  it('writes what comes meanwhile at once, in its order', async () => {
    const file = join(folder, 'many.jsonl');
    const names = Array.from({ length: 100 }, (_, index) => `span ${index}`);
    const kept = await KeepFile.open(file, () => {});
    await Promise.all(names.map((name) => kept.add(request(name))));
    const { length } = readFileSync(file, 'utf8').trim().split('\n');
    await kept.close();
    assert.equal(length, names.length, 'acknowledged is written');
    assert.deepEqual(await namesIn(file), names);
  });
  it('ends a line that lacks its end', async () => {
    const file = join(folder, 'no-end.jsonl');
    writeFileSync(file, JSON.stringify(request('one')));
    const kept = await KeepFile.open(file, () => {});
    await kept.add(request('two'));
    await kept.close();
    assert.deepEqual(await namesIn(file), ['one', 'two']);
  });
  it('is refused when it is something else, by its line; or cannot be written', async () => {
    const file = join(folder, 'notes.txt');
    writeFileSync(file, 'Dear diary\n{}\n');
    await assert.rejects(namesIn(file), /notes\.txt:1: no OTLP .*--keep has made/);
    await assert.rejects(namesIn(folder), /cannot be written \(EISDIR\)/);
    for (const text of ['Dear diary', 'Dear diary\n']) {
      writeFileSync(file, text);
      await assert.rejects(namesIn(file), /notes\.txt:1: no OTLP/);
      assert.equal(readFileSync(file, 'utf8'), text, 'it is as it was');
    }
  });
  it('has what ends a line elsewhere, and loses no more than what was cut off, in the middle of a letter as well', async () => {
    const file = join(folder, 'letters.jsonl');
    const kept = await KeepFile.open(file, () => {});
    await kept.add(request('one\u2028two'));
    await kept.close();
    const whole = readFileSync(file);
    const line = Buffer.from(JSON.stringify(request('€')));
    writeFileSync(file, Buffer.concat([whole, line.subarray(0, line.indexOf('€') + 1)]));
    assert.deepEqual(await namesIn(file), ['one\u2028two']);
    assert.deepEqual(readFileSync(file), whole);
  });
});
