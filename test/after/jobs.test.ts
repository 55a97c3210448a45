/** Jobs and messages: CONSUMER spans of others, which an own tracer makes here as the instrumentation of a queue does. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { currentSignal } from '../../src/index.ts';
import { CollectedMetrics, linesOf } from '../support/collected-metrics.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const metrics = new CollectedMetrics();
const telemetry = new Telemetry(setup, undefined, { meterProvider: metrics.provider });
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
after(closeServers);

const ORDERS: Attributes = { 'messaging.destination.name': 'orders' };
const tracer = trace.getTracer('a-queue');

const warehousePort = await serve((_request, response) => {
  setTimeout(() => response.end('sofa'), 200);
});

async function askWarehouse(signal?: AbortSignal): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${warehousePort}/stock`, signal ? { signal } : {});
  await response.text();
}

/** Runs a job, as the instrumentation of a queue does. @returns its span, which has ended */
async function run(
  handler: (span: Span) => Promise<unknown>,
  attributes = ORDERS,
  within = ROOT_CONTEXT,
): Promise<ReadableSpan> {
  const options = { kind: SpanKind.CONSUMER, attributes };
  return await tracer.startActiveSpan('process orders', options, within, async (span) => {
    try {
      await handler(span);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'it failed' });
    }
    span.end();
    return span as unknown as ReadableSpan;
  });
}

/** Those of the job that have ended, when there are so many: others may be of the test before. */
async function spansOf(
  job: ReadableSpan,
  count: number,
  isIt: (span: ReadableSpan) => boolean,
): Promise<ReadableSpan[]> {
  const { traceId } = job.spanContext();
  const giveUpAt = performance.now() + 4_000;
  for (;;) {
    const spans = telemetry.ended.filter((span) => span.spanContext().traceId === traceId && isIt(span));
    if (spans.length >= count) return spans;
    if (performance.now() > giveUpAt) throw new Error(`${spans.length} spans of ${count}`);
    await delay(5);
  }
}

function requestsOf(job: ReadableSpan, count: number): Promise<ReadableSpan[]> {
  return spansOf(job, count, ({ kind }) => kind === SpanKind.CLIENT);
}

function eventsOf(span: ReadableSpan, called: string): Attributes[] {
  return span.events.filter(({ name }) => name === called).map(({ attributes = {} }) => attributes);
}

function assertSilent(): void {
  for (const { name, attributes, events, kind } of telemetry.ended) {
    // That of the warehouse, or of the test before.
    if (kind !== SpanKind.CONSUMER && kind !== SpanKind.CLIENT) continue;
    assert.deepEqual(
      Object.keys(attributes).filter((key) => /^(?:cancel|context\.|deadline_)/.test(key)),
      [],
      name,
    );
    assert.deepEqual(
      events.filter(({ name: event }) => event !== 'exception'),
      [],
    );
  }
}

describe(`jobs, ${setup}`, () => {
  beforeEach(async () => {
    telemetry.reset();
    await metrics.collect();
  });

  it('the first one that fails by its time limit has missed it, by the line that set it', async () => {
    async function order(): Promise<void> {
      const signal = AbortSignal.timeout(60);
      await delay(5_000, undefined, { signal });
    }
    const { attributes, events, status } = await run(order);
    assert.equal(attributes.deadline_exceeded, true);
    assert.equal(attributes['context.canceled'], undefined);
    assert.equal(attributes['cancel.initiator'], 'local');
    assert.equal(attributes['cancel.trigger'], 'signal_timeout');
    assert.equal(attributes['cancel.phase'], 'handle');
    assert.match(String(attributes['cancel.reason']), /^TimeoutError: /);
    assert.match(String(attributes['cancel.origin']), /^order \(\S*jobs\.test/);
    assert.deepEqual(
      events.map(({ name }) => name),
      ['exception', 'deadline_exceeded'],
    );
    assert.deepEqual(
      status,
      { code: SpanStatusCode.ERROR, message: 'it failed' },
      'its owner says how it went',
    );
    assert.deepEqual(telemetry.endedTwice, []);
    assert.deepEqual(telemetry.diagnostics, []);
  });

  it('one that fails by an abort is canceled, by the line that called it', async () => {
    const controller = new AbortController();
    setTimeout(function withdraw() {
      controller.abort();
    }, 60);
    const { attributes } = await run(() => askWarehouse(controller.signal));
    assert.equal(attributes['context.canceled'], true);
    assert.equal(attributes.deadline_exceeded, undefined);
    assert.equal(attributes['cancel.trigger'], 'abort');
    assert.match(String(attributes['cancel.origin']), /withdraw .*jobs\.test/);
  });

  it('what it has asked goes on, and what it asks afterwards is late', async () => {
    let goesOn: Promise<void> | undefined;
    const span = await run(async () => {
      goesOn = askWarehouse().then(() => askWarehouse());
      await delay(5_000, undefined, { signal: AbortSignal.timeout(60) });
    });
    await goesOn;
    const [pending, ...others] = eventsOf(span, 'cancel.pending');
    assert.equal(others.length, 0);
    assert.equal(pending?.name, 'GET');
    const [ranOn, late] = await requestsOf(span, 2);
    assert.equal(ranOn?.attributes['cancel.finding'], 'cancel_not_propagated');
    assert.equal(late?.attributes['cancel.finding'], 'late_operation');
    const [work] = await spansOf(span, 1, ({ name, parentSpanContext }) => {
      return name === 'work after cancel' && parentSpanContext?.spanId === span.spanContext().spanId;
    });
    assert.ok(work);
    assert.equal(work.attributes['cancel.late_operations'], 1);
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assert.ok(wastedMs > 250, `${wastedMs} ms`);
    assert.ok(Number(work.attributes['cancel.wasted.http_ms']) > 250);

    const collected = await metrics.collect();
    const jobs = linesOf(collected, 'cancellation.operations').filter((line) => line.includes('messaging'));
    const labels = 'cancel.initiator=local cancel.trigger=signal_timeout messaging.destination.name=orders';
    assert.deepEqual(jobs, [`outcome=deadline_exceeded side=server system=messaging ${labels} 1`]);
    // Beside that of the warehouse.
    const workLines = linesOf(collected, 'cancellation.work_after_cancel');
    assert.ok(workLines.includes('system=messaging messaging.destination.name=orders 1'), `${workLines}`);
    assert.deepEqual(
      linesOf(collected, 'cancellation.wasted').map((line) => line.replace(/ [\d.]+$/, '')),
      ['system=messaging messaging.destination.name=orders spent_on=http'],
    );
  });

  it('one that ends well, or fails by itself, has nothing', async () => {
    const right = await run(() => askWarehouse());
    const failed = await run(async () => {
      await askWarehouse();
      throw new Error('no sofa');
    });
    await requestsOf(right, 1);
    await requestsOf(failed, 1);
    assertSilent();
    const jobs = linesOf(await metrics.collect(), 'cancellation.operations');
    assert.deepEqual(
      jobs.filter((line) => line.includes('messaging')),
      [
        'outcome=completed side=server system=messaging messaging.destination.name=orders 1',
        'outcome=failed side=server system=messaging messaging.destination.name=orders 1',
      ],
    );
  });

  it('one that copes with an abort of its own has nothing', async () => {
    const span = await run(async (own) => {
      const part = delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
      await part.catch((error: Error) => own.recordException(error));
    });
    assert.equal(span.status.code, SpanStatusCode.UNSET);
    assertSilent();
  });

  it('one that ends in an error at once when its limit passes, and tells no error, has missed it', async () => {
    const { attributes, status } = await run(async function order(own) {
      const part = delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
      await part.catch(() => own.setStatus({ code: SpanStatusCode.ERROR, message: 'nacked' }));
    });
    assert.equal(attributes['cancel.trigger'], 'signal_timeout');
    assert.match(String(attributes['cancel.origin']), /order .*jobs\.test/);
    assert.equal(status.message, 'nacked');
  });

  it('one that does so a moment later has failed by itself, and so has one that aborts what it does not want any more', async () => {
    await run(async (own) => {
      const part = delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
      await part.catch(() => delay(1));
      own.setStatus({ code: SpanStatusCode.ERROR });
    });
    await run(async (own) => {
      const parts = new AbortController();
      const part = delay(5_000, undefined, { signal: parts.signal });
      parts.abort();
      await part.catch(() => own.setStatus({ code: SpanStatusCode.ERROR }));
    });
    assertSilent();
  });

  it('one that makes a failure of an abort has failed', async () => {
    await run(async () => {
      const part = delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
      await part.catch((cause) => {
        throw new Error('no carrier', { cause });
      });
    });
    assertSilent();
  });

  it('an AbortError that comes from no signal is a failure', async () => {
    await run(async () => {
      throw new DOMException('made by hand', 'AbortError');
    });
    assertSilent();
  });

  it('currentSignal() is that of the job', async () => {
    let signal: AbortSignal | undefined;
    let before: boolean | undefined;
    await run(async () => {
      signal = currentSignal();
      before = signal?.aborted;
      await delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
    });
    assert.equal(before, false);
    assert.equal(signal?.aborted, true);
  });

  it('in the context of a request the work is the job’s', async () => {
    let job: ReadableSpan | undefined;
    const port = await serve(async (_request, response) => {
      job = await run(
        async () => {
          void askWarehouse();
          await delay(5_000, undefined, { signal: AbortSignal.timeout(40) });
        },
        ORDERS,
        context.active(),
      );
      response.end();
    });
    await ask(port);
    assert.ok(job);
    assert.equal(eventsOf(job, 'cancel.pending').length, 1);
    await requestsOf(job, 2);
    const server = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
    assert.equal(server?.attributes['context.canceled'], undefined);
  });

  it('to ask for messages is no job', async () => {
    await run(() => delay(5_000, undefined, { signal: AbortSignal.timeout(20) }), {
      'rpc.system': 'aws-api',
    });
    assertSilent();
  });

  it('one in flight at the end of the process is cut by that, and its span ended', async () => {
    const job = run(() => delay(50));
    telemetry.instrumentation.recordUnfinished('SIGTERM');
    const span = telemetry.ended.find(({ name }) => name === 'process orders');
    assert.equal(span?.attributes['cancel.trigger'], 'exit');
    assert.equal(span?.attributes['cancel.reason'], 'SIGTERM');
    await job;
    assert.ok(!telemetry.endedTwice.includes('process orders'));
  });

  it('one in flight when the instrumentation is switched off is its owner’s alone', async () => {
    const job = run(async (own) => {
      await delay(150);
      assert.equal(own.isRecording(), true);
    });
    telemetry.instrumentation.disable();
    const span = await job;
    telemetry.instrumentation.enable();
    assert.equal(span.status.code, SpanStatusCode.UNSET);
    assertSilent();
  });
});
