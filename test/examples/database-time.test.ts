import assert from 'node:assert/strict';
import { test } from 'node:test';

// The examples are plain JavaScript without declarations: the import is untyped on purpose.
const { drawDatabaseTime } = await import(new URL('../../examples/database-time.js', import.meta.url).href);

type Attributes = Record<string, unknown>;

const QUERY = 'pg.query:SELECT shop';

/** A request that was cancelled at 1200 ms, with a query from 1010 ms on. */
function trace(traceId: string, { startMs = 1000, endsMs = 1600, wasted = {} as Attributes } = {}): object[] {
  const common = { traceId, serviceName: 'stock', events: [], status: { code: 'unset', message: '' } };
  const pending = { name: QUERY, 'cancel.pending.origin': 'count (/app/stock.js:3:7)' };
  return [
    {
      ...common,
      spanId: '1',
      name: 'GET',
      kind: 'server',
      attributes: { 'context.canceled': true, 'url.path': '/inventory' },
      events: [
        { name: 'context.canceled', timeMs: startMs + 200, attributes: {} },
        { name: 'cancel.pending', timeMs: startMs + 200, attributes: pending },
        { name: 'cancel.pending', timeMs: startMs + 200, attributes: { name: 'POST' } },
      ],
      startMs,
      endMs: startMs + 200,
    },
    {
      ...common,
      spanId: '2',
      parentSpanId: '1',
      name: QUERY,
      kind: 'client',
      attributes: { 'db.system.name': 'postgresql' },
      startMs: startMs + 10,
      endMs: endsMs,
    },
    {
      ...common,
      spanId: '3',
      parentSpanId: '1',
      name: 'POST',
      kind: 'client',
      attributes: {},
      startMs,
      endMs: endsMs,
    },
    {
      ...common,
      spanId: '4',
      parentSpanId: '1',
      name: 'work after cancel',
      kind: 'internal',
      attributes: wasted,
      startMs,
      endMs: endsMs,
    },
  ];
}

test('queries of the same line are told together, before the cure and with it', () => {
  const spans = [
    ...trace('b', { startMs: 5000, endsMs: 5207 }),
    ...trace('a', { wasted: { 'cancel.wasted_ms': 410, 'cancel.wasted.db_ms': 402 } }),
  ];
  assert.equal(
    drawDatabaseTime(spans, { cwd: '/app', curedAtMs: 4000 }),
    `Queries for nobody:

  GET /inventory  pg.query:SELECT shop  at count (stock.js:3:7)
    before the deploy                ran on for 400 ms, database wasted 402 ms
    after it, with propagate.cancel  ran on for 7.0 ms

`,
  );
});

test('a query that was over before the cancel did not run on', () => {
  const text = drawDatabaseTime(trace('a', { endsMs: 1150 }), { cwd: '/app', curedAtMs: 0 });
  assert.match(text, /ran on for 0\.0 ms$/m);
});

test('without such a query there is nothing to tell', () => {
  assert.equal(drawDatabaseTime([], { cwd: '/app', curedAtMs: 0 }), '');
  assert.equal(drawDatabaseTime(trace('a').slice(2), { cwd: '/app', curedAtMs: 0 }), '');
});
