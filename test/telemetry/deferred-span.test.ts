import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Context, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type Span,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import {
  CancellationInstrumentation,
  CancellationSampler,
  CancellationSpanProcessor,
} from '../../src/index.ts';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const instrumentation = new CancellationInstrumentation();

/** Counts the spans that the SDK makes. */
class Started implements SpanProcessor {
  readonly names: string[] = [];
  onStart(span: Span, _parent: Context): void {
    this.names.push(`${SpanKind[span.kind]} ${span.name}`);
  }
  onEnd(): void {}
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

interface Lab {
  readonly exporter: InMemorySpanExporter;
  readonly started: Started;
}

function use(sampler: Sampler, wrap: (processor: SpanProcessor) => SpanProcessor): Lab {
  const exporter = new InMemorySpanExporter();
  const started = new Started();
  const spanProcessors = [started, wrap(new SimpleSpanProcessor(exporter))];
  instrumentation.setTracerProvider(new NodeTracerProvider({ sampler, spanProcessors }));
  return { exporter, started };
}

/** A request that its client leaves; its handler, which has one of its own, writes on its span as applications do. */
const server = http.createServer((request, response) => {
  if (request.url !== '/work')
    return void setTimeout(() => response.end(), request.url === '/slow' ? 150 : 0);
  const span = trace.getActiveSpan();
  assert.equal(span?.isRecording(), true);
  span?.setAttribute('app.user', 7).setAttributes({ 'app.list': ['a', 'b'] });
  span?.addEvent('app.before', { step: 1 });
  span?.addEvent('app.at', 1_700_000_000_000);
  span?.addLink({ context: span.spanContext(), attributes: { 'app.link': true } });
  span?.recordException(new TypeError('of the application'));
  span?.setStatus({ code: SpanStatusCode.ERROR, message: 'the application says so' });
  span?.updateName('GET /work/:id');
  http.get({ port, path: '/slow', headers: { 'x-request-timeout-ms': '5000' } }).on('error', () => {});
  response.on('close', () => span?.setAttribute('app.after', true).addEvent('app.later'));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;
after(() => {
  instrumentation.disable();
  server.close().closeAllConnections();
});

async function leave(): Promise<void> {
  const request = http.get({ port, path: '/work', timeout: 9_000 }).on('error', () => {});
  setTimeout(() => request.destroy(new Error('left')), 40);
  await delay(300);
}

async function succeed(): Promise<void> {
  const [response] = await once(http.get({ port, path: '/' }), 'response');
  response.resume();
  await once(response, 'close');
  await delay(5);
}

const MS = /\b\d+(\.\d+)?(?= ms)/g;

/** What may differ between two runs: ids, ports, times, how long something took. */
function essence(span: ReadableSpan): unknown {
  const of = (attributes: ReadableSpan['attributes']) =>
    Object.entries(attributes)
      .map(([key, value]) => {
        if (/port$/.test(key) || (typeof value === 'number' && /ms$/.test(key))) return [key, typeof value];
        return [key, typeof value === 'string' ? value.replace(MS, 'N').replace(/:\d+\//, ':PORT/') : value];
      })
      .sort();
  return {
    name: span.name,
    kind: span.kind,
    scope: span.instrumentationScope.name,
    resource: Object.keys(span.resource.attributes),
    hasParent: span.parentSpanContext !== undefined,
    status: span.status,
    attributes: of(span.attributes),
    events: span.events.map(({ name, attributes = {} }) => [name, of(attributes)]),
    links: span.links.map(({ attributes = {} }) => of(attributes)),
  };
}

function spansOf({ exporter }: Lab): ReadableSpan[] {
  return exporter.getFinishedSpans().toSorted((a, b) => a.kind - b.kind || a.name.localeCompare(b.name));
}

const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1e3 + nanos / 1e6;

it('a cancelled operation that is not sampled has the span that a sampled one has', async () => {
  const sampled = use(new AlwaysOnSampler(), (processor) => processor);
  await leave();
  const kept = use(
    new CancellationSampler(new ParentBasedSampler({ root: new AlwaysOffSampler() })),
    (processor) => new CancellationSpanProcessor(processor),
  );
  await succeed();
  const startedAtMs = performance.timeOrigin + performance.now();
  await leave();
  // The request that was made for it was not cancelled.
  const expected = spansOf(sampled).filter(
    ({ attributes }) => !`${attributes['url.full'] ?? attributes['url.path']}`.endsWith('/slow'),
  );
  assert.deepEqual(spansOf(kept).map(essence), expected.map(essence));
  assert.equal(expected.length, 2);

  const spans = spansOf(kept);
  const [first] = spans;
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);
  assert.equal(new Set(spans.map((span) => span.spanContext().spanId)).size, spans.length);
  const client = spans.find(({ kind, parentSpanContext }) => kind === SpanKind.CLIENT && !parentSpanContext);
  const incoming = spans.find(({ kind }) => kind === SpanKind.SERVER);
  assert.equal(incoming?.parentSpanContext?.spanId, client?.spanContext().spanId);
  for (const span of [client, incoming]) {
    assert.ok(
      span !== undefined && Math.abs(ms(span.startTime) - startedAtMs) < 1_000,
      `${first?.name} starts`,
    );
    const lastedMs = ms(span.duration);
    assert.ok(lastedMs >= 30 && lastedMs < 1_000, `${span.name} lasted ${lastedMs} ms`);
    for (const { name, time } of span.events)
      if (name !== 'app.at')
        assert.ok(ms(time) >= ms(span.startTime) - 1 && ms(time) <= ms(span.endTime) + 1, name);
  }
});

it('one that is neither sampled nor cancelled makes none, but for the first', async () => {
  const kept = use(
    new CancellationSampler(new AlwaysOffSampler()),
    (processor) => new CancellationSpanProcessor(processor),
  );
  for (let count = 0; count < 20; count++) await succeed();
  assert.deepEqual(kept.started.names, ['CLIENT GET']);
  assert.deepEqual(spansOf(kept), []);
});
