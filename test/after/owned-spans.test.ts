/** What others do for an incoming operation: here a database, a service and a framework whose spans an own tracer makes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Attributes, context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan, Span as SdkSpan } from '@opentelemetry/sdk-trace-base';
import { currentSignal } from '../../src/index.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { maxWorkAfterCancelMs: 2_500 });
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');
after(closeServers);

const tracer = trace.getTracer('a-database');
const DB = { 'db.system.name': 'postgresql' };

interface Made {
  readonly ms: number;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly scope?: string;
}

/** Something that takes its time, with a span around it. */
async function make(
  name: string,
  { ms, kind = SpanKind.CLIENT, attributes = DB, scope }: Made,
): Promise<void> {
  const span = (scope === undefined ? tracer : trace.getTracer(scope)).startSpan(name, { kind, attributes });
  await delay(ms);
  span.end();
}

function query(name: string, ms: number): Promise<void> {
  return make(name, { ms });
}

/** Asks, and leaves when the handler has begun: Express, Fastify and hapi keep the handler's promise to themselves. */
async function leave(handler: () => unknown): Promise<void> {
  telemetry.reset();
  let begin: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const listener: RequestListener = (_request, response) => {
    response.once('close', () => closed());
    begin();
    handler();
  };
  let closed: () => void = () => {};
  whenLeft = new Promise((resolve) => {
    closed = resolve;
  });
  const request = http.get({ port: await serve(listener), host: '127.0.0.1' }).on('error', () => {});
  await hasBegun;
  await delay(20);
  request.destroy();
  await whenLeft;
}
let whenLeft: Promise<void> = Promise.resolve();

function spanCalled(name: string): Promise<ReadableSpan> {
  return spanThat(`is called ${name}`, (span) => span.name === name);
}

async function spanThat(what: string, isIt: (span: ReadableSpan) => boolean): Promise<ReadableSpan> {
  const giveUpAt = performance.now() + 4_000;
  for (;;) {
    const span = telemetry.ended.find(isIt);
    if (span !== undefined) return span;
    if (performance.now() > giveUpAt)
      throw new Error(`no span ${what}: ${telemetry.ended.map(({ name }) => name)}`);
    await delay(5);
  }
}

/** Of this test: that of another may come after it, when a second has passed without a sign of work. */
function workAfterCancel(): Promise<ReadableSpan> {
  return spanThat('is work after the cancel', ({ name, parentSpanContext }) => {
    return name === 'work after cancel' && parentSpanContext?.spanId === server().spanContext().spanId;
  });
}

function server(): ReadableSpan {
  const span = telemetry.ended.find(
    ({ kind, attributes }) => kind === SpanKind.SERVER && attributes['context.canceled'] === true,
  );
  assert.ok(span);
  return span;
}

function pendingNames(): unknown[] {
  return server()
    .events.filter(({ name }) => name === 'cancel.pending')
    .map(({ attributes }) => attributes?.name);
}

function detailOf(span: ReadableSpan): unknown {
  const [finding, ...others] = span.events.filter(({ name }) => name === 'cancel.finding');
  assert.equal(others.length, 0, 'one finding');
  return finding?.attributes?.['cancel.finding.detail'];
}

function assertNear(value: unknown, from: number, to: number): void {
  assert.ok(Number(value) >= from && Number(value) < to, `${value} is not from ${from} to ${to}`);
}

describe(`spans of others, ${setup}`, () => {
  it('a query that is open at the cancel is pending, with its line, and ran on', async () => {
    await leave(async () => query('SELECT', 400));
    const span = await spanCalled('SELECT');
    const [pending] = server().events.filter(({ name }) => name === 'cancel.pending');
    assert.equal(pending?.attributes?.name, 'SELECT');
    assertNear(pending?.attributes?.['cancel.pending.elapsed_ms'], 5, 390);
    assert.match(String(pending?.attributes?.['cancel.pending.origin']), /^make \(.*owned-spans\.test/);
    assert.equal(span.attributes['cancel.finding'], 'cancel_not_propagated');
    assert.match(String(detailOf(span)), /^ran on for \d{3} ms after its incoming operation was cancelled$/);
    const work = await workAfterCancel();
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assertNear(wastedMs, 250, 400);
    assertNear(work.attributes['cancel.wasted.db_ms'], wastedMs - 5, wastedMs + 1);
    assert.equal(work.attributes['cancel.late_operations'], 0);
    assert.equal(work.attributes['cancel.settled'], true);
    assert.equal(work.attributes['cancel.finding'], 'work_after_cancel');
  });

  it('a query that is started after the cancel is late', async () => {
    await leave(async () => {
      await whenLeft;
      await delay(60);
      await query('INSERT', 60);
    });
    const span = await spanCalled('INSERT');
    assert.equal(span.attributes['cancel.finding'], 'late_operation');
    assert.match(String(detailOf(span)), /^started \d+ ms after its incoming operation was cancelled$/);
    const work = await workAfterCancel();
    assert.equal(work.attributes['cancel.late_operations'], 1);
    assertNear(work.attributes['cancel.wasted.db_ms'], 50, 110);
    assertNear(work.attributes['cancel.wasted_ms'], 110, 300);
  });

  it('queries at the same time count once', async () => {
    await leave(async () => {
      await Promise.all([query('first', 200), query('second', 220), query('third', 240)]);
      await query('fourth', 50);
    });
    const work = await workAfterCancel();
    assert.deepEqual(pendingNames(), ['first', 'second', 'third']);
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assertNear(wastedMs, 200, 400);
    assertNear(work.attributes['cancel.wasted.db_ms'], wastedMs - 20, wastedMs + 1);
    assert.equal(work.attributes['cancel.late_operations'], 1);
  });

  it('to roll back, or to give back a lock, at once is no finding', async () => {
    await leave(async () => {
      await whenLeft;
      await make('ROLLBACK', { ms: 1, attributes: { ...DB, 'db.query.text': 'ROLLBACK' } });
      await make('DEL', { ms: 1, attributes: { 'db.system': 'redis', 'db.statement': 'del lock' } });
    });
    const rollback = await spanCalled('ROLLBACK');
    const unlock = await spanCalled('DEL');
    await delay(1_200);
    assert.deepEqual(rollback.events, []);
    assert.deepEqual(unlock.events, []);
    for (const { attributes } of telemetry.ended) assert.equal(attributes['cancel.finding'], undefined);
  });

  it('a rollback is none however late it is', async () => {
    await leave(async () => {
      await whenLeft;
      await delay(60);
      await make('ROLLBACK', { ms: 30, attributes: { ...DB, 'db.query.text': 'ROLLBACK' } });
    });
    assert.deepEqual((await spanCalled('ROLLBACK')).events, []);
  });

  it('a query that was told, though late, did not run on', async () => {
    await leave(async () => {
      const span = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, attributes: DB });
      await delay(100);
      const message = 'canceling statement due to user request';
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end();
    });
    assert.deepEqual((await spanCalled('SELECT')).events, []);
  });

  it('one that stops when told leaves nothing', async () => {
    await leave(async () => {
      const span = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, attributes: DB });
      await whenLeft;
      span.end();
    });
    assert.deepEqual((await spanCalled('SELECT')).events, []);
    await delay(100);
    assert.deepEqual(pendingNames(), ['SELECT']);
  });

  it('a span of the application that nobody waits for counts, and is no finding', async () => {
    await leave(() => void make('refresh the cache', { ms: 300, kind: SpanKind.INTERNAL, attributes: {} }));
    const span = await spanCalled('refresh the cache');
    assert.deepEqual(span.events, []);
    const work = await workAfterCancel();
    assertNear(work.attributes['cancel.wasted_ms'], 200, 400);
    assert.equal(work.attributes['cancel.wasted.db_ms'], undefined);
    assert.equal(work.attributes['cancel.finding'], undefined);
    assert.deepEqual(pendingNames(), ['refresh the cache']);
  });

  it('a span of a framework that goes on is a handler that does', async () => {
    const scope = '@opentelemetry/instrumentation-hapi';
    await leave(() => make('route - /slow', { ms: 300, kind: SpanKind.INTERNAL, attributes: {}, scope }));
    const work = await workAfterCancel();
    assertNear(work.attributes['cancel.wasted_ms'], 200, 400);
    assert.equal(work.attributes['cancel.finding'], 'work_after_cancel');
  });

  it('a span that never ends is not taken for work', async () => {
    let open: Span | undefined;
    await leave(async () => {
      open = tracer.startSpan('chat', { kind: SpanKind.CLIENT });
      await query('SELECT', 150);
    });
    const work = await workAfterCancel();
    assertNear(work.attributes['cancel.wasted_ms'], 80, 400);
    assert.equal(work.attributes['cancel.settled'], false);
    open?.end();
    assert.equal((await spanCalled('chat')).attributes['cancel.finding'], undefined);
  });

  it('what is inside of another counts with that one', async () => {
    const port = await serve((_request, response) => void setTimeout(() => response.end('done'), 200));
    await leave(async () => {
      const outer = tracer.startSpan('search', { kind: SpanKind.CLIENT, attributes: DB });
      await context.with(trace.setSpan(context.active(), outer), async () => {
        const inner = make('dns.lookup', { ms: 100, attributes: {} });
        const [answer] = await once(http.get({ port, host: '127.0.0.1' }), 'response');
        answer.resume();
        await Promise.all([once(answer, 'end'), inner]);
      });
      outer.end();
    });
    const work = await workAfterCancel();
    assertNear(work.attributes['cancel.wasted.db_ms'], 100, 400);
    assert.equal(work.attributes['cancel.wasted.http_ms'], undefined);
    assert.deepEqual((await spanCalled('dns.lookup')).events, []);
    assert.equal((await spanCalled('search')).attributes['cancel.finding'], 'cancel_not_propagated');
  });

  it('one of which the request inside was stopped did not run on, whatever it says', async () => {
    const port = await serve(() => {});
    for (const [name, next] of [
      ['stopped', undefined],
      ['stopped, and something else was not', () => query('another', 100)],
    ] as const) {
      await leave(async () => {
        const outer = tracer.startSpan(name, { kind: SpanKind.CLIENT });
        await context.with(trace.setSpan(context.active(), outer), async () => {
          const signal = currentSignal() as AbortSignal;
          await Promise.all([next?.(), fetch(`http://127.0.0.1:${port}`, { signal }).catch(() => {})]);
          await delay(40);
        });
        outer.end();
      });
      const { attributes } = await spanCalled(name);
      assert.equal(attributes['cancel.finding'], next && 'cancel_not_propagated');
    }
  });

  it('a request of ours is pending and late once, and its time is that of HTTP', async () => {
    const port = await serve((_request, response) => void setTimeout(() => response.end('done'), 150));
    const ask = async (): Promise<void> => {
      const [answer] = await once(http.get({ port, host: '127.0.0.1' }), 'response');
      answer.resume();
      await once(answer, 'end');
    };
    await leave(async () => {
      await ask();
      await ask();
    });
    const work = await workAfterCancel();
    assert.equal(pendingNames().length, 1);
    assert.equal(work.attributes['cancel.late_operations'], 1);
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assertNear(work.attributes['cancel.wasted.http_ms'], wastedMs - 30, wastedMs + 1);
    const findings = telemetry.ended.flatMap(({ kind, attributes }) =>
      kind === SpanKind.CLIENT ? [attributes['cancel.finding']] : [],
    );
    assert.deepEqual(
      findings.filter((rule) => rule !== undefined),
      ['cancel_not_propagated', 'late_operation'],
    );
  });

  it('a span of another trace is not its work', async () => {
    await leave(async () => {
      const span = tracer.startSpan('refresh', { kind: SpanKind.CLIENT, attributes: DB, root: true });
      await delay(100);
      span.end();
    });
    assert.deepEqual((await spanCalled('refresh')).events, []);
    assert.deepEqual(pendingNames(), []);
  });

  it('a span that is made when all is over says by its times what it was', async () => {
    await leave(async () => {
      const startTime = Date.now();
      await delay(200);
      const endTime = Date.now();
      await delay(100);
      tracer.startSpan('engine', { kind: SpanKind.CLIENT, attributes: DB, startTime }).end(endTime);
    });
    const span = await spanCalled('engine');
    assert.equal(span.attributes['cancel.finding'], 'cancel_not_propagated');
    const [ranOnMs] = /\d+/.exec(String(detailOf(span))) ?? [];
    assertNear(ranOnMs, 100, 200);
  });

  it('of a request that goes on for long only what is open is kept', async () => {
    await leave(async () => {
      for (let count = 0; count < 1_000; count++)
        tracer.startSpan(`query ${count}`, { kind: SpanKind.CLIENT }).end();
      await query('SELECT', 300);
    });
    assert.deepEqual(pendingNames(), ['SELECT']);
  });

  it('a request that is answered has nothing of it on its spans', async () => {
    telemetry.reset();
    const port = await serve(async (_request, response) => {
      await query('SELECT', 10);
      response.end('done');
      await query('INSERT', 50);
    });
    const [answer] = await once(http.get({ port, host: '127.0.0.1' }), 'response');
    answer.resume();
    const late = await spanCalled('INSERT');
    const { traceId } = late.spanContext();
    for (const span of telemetry.ended)
      if (span.spanContext().traceId === traceId) assert.deepEqual(span.events, []);
  });

  it('switched off, the processor is as it was', async () => {
    const listener: RequestListener = (_request, response) => void response.end('done');
    const port = await serve(listener);
    (await once(http.get({ port, host: '127.0.0.1' }), 'response'))[0].resume();
    const { _spanProcessor: processor } = tracer.startSpan('any') as unknown as { _spanProcessor: SdkSpan };
    assert.equal(Object.hasOwn(processor, 'onStart'), true);
    telemetry.instrumentation.disable();
    assert.equal(Object.hasOwn(processor, 'onStart'), false);
    telemetry.instrumentation.enable();
  });
});
