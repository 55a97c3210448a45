/** What is sent of spans is to the byte what OpenTelemetry's exporter would have sent. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import {
  type Attributes,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { otlpJson } from '../../src/register/otlp-json.ts';

const exporter = new InMemorySpanExporter();
const limits = {
  attributeCountLimit: 20,
  eventCountLimit: 3,
  linkCountLimit: 2,
  attributePerEventCountLimit: 4,
};
const [shop, store] = ['shop', 'store'].map((name) => {
  const resource = resourceFromAttributes({
    'service.name': name,
    'process.command_args': ['node', 'app.js'],
  });
  return new BasicTracerProvider({
    resource,
    spanLimits: limits,
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
}) as [BasicTracerProvider, BasicTracerProvider];

const bodies: Buffer[] = [];
const receiver = http.createServer(async (request, response) => {
  bodies.push(await buffer(request));
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
let official: OTLPTraceExporter;

before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  official = new OTLPTraceExporter({ url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}` });
});
after(() => {
  receiver.close();
  receiver.closeAllConnections();
});

async function assertSame(spans: readonly ReadableSpan[]): Promise<void> {
  await new Promise<void>((resolve) => official.export([...spans], () => resolve()));
  const expected = bodies.pop()?.toString();
  assert.equal(Buffer.from(otlpJson(spans)).toString(), expected);
}

/** Ends the spans that are made. */
function made(make: () => void): ReadableSpan[] {
  exporter.reset();
  make();
  return exporter.getFinishedSpans();
}

const values: Attributes = {
  text: 'one\ntwo\t"three" \\ 4 \u2028 é 漢 🙂 \ud800',
  empty: '',
  int: 42,
  negative: -7,
  zero: -0,
  large: 2 ** 60,
  larger: 1e21,
  double: 0.1,
  small: 5e-324,
  notANumber: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  yes: true,
  no: false,
  texts: ['a', 'b"', ''],
  numbers: [1, 2.5, -3],
  bools: [true, false],
  none: [],
  holes: ['a', null, undefined],
  'key "in" quotes': 1,
};

const remote: SpanContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
  isRemote: true,
  traceState: createTraceState('vendor=a"b,other=2'),
};
const local: SpanContext = { ...remote, spanId: '00f067aa0ba902b7', traceFlags: 0, isRemote: false };

describe('the body of an export is what the exporter of OpenTelemetry makes', () => {
  it('of no span', () => assertSame([]));

  it('of a span that has nothing', () => assertSame(made(() => shop.getTracer('test').startSpan('').end())));

  it('of every kind, each status, with and without a parent', () =>
    assertSame(
      made(() => {
        for (const kind of [
          SpanKind.INTERNAL,
          SpanKind.SERVER,
          SpanKind.CLIENT,
          SpanKind.PRODUCER,
          SpanKind.CONSUMER,
        ]) {
          for (const parent of [undefined, remote, local]) {
            const around = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
            const spans = [1, 2, 3, 4].map((n) =>
              shop.getTracer('test').startSpan(`GET /${n}`, { kind }, around),
            );
            spans[1]?.setStatus({ code: SpanStatusCode.OK, message: 'not kept' });
            spans[2]?.setStatus({ code: SpanStatusCode.ERROR });
            spans[3]?.setStatus({ code: SpanStatusCode.ERROR, message: 'the "disk"\nis full' });
            for (const span of spans) span.end();
          }
        }
      }),
    ));

  it('of attributes of every type, on spans, events and links', () =>
    assertSame(
      made(() => {
        const links: Link[] = [
          { context: remote, attributes: values },
          { context: local },
          { context: remote, attributes: {} },
        ];
        const span = shop
          .getTracer('test')
          .startSpan('work', { attributes: values, links: links.slice(0, 2) });
        span
          .addEvent('one', { ...values })
          .addEvent('none')
          .addEvent('empty', {})
          .end();
        for (const [key, value] of Object.entries(values))
          shop
            .getTracer('test')
            .startSpan(key, { attributes: { [key]: value } })
            .end();
      }),
    ));

  it('of what was dropped for being too much', () =>
    assertSame(
      made(() => {
        const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`key ${i}`, i]));
        const links = [1, 2, 3, 4].map((n) => ({ context: remote, attributes: { n } }));
        const span = shop.getTracer('test').startSpan('work', { attributes: many, links });
        for (let i = 0; i < 5; i++) span.addEvent(`event ${i}`, many);
        span.end();
      }),
    ));

  it('of times: now, as numbers, dates and pairs, before there was time, to the last of 64 bits', () =>
    assertSame(
      made(() => {
        const times = [
          undefined,
          1_700_000_000_123.456,
          new Date('2026-01-02T03:04:05.678Z'),
          [1_700_000_000, 1],
          [1_700_000_000, 999_999_999],
          [0, 0],
          [0, 7],
          [1, 0],
          [1_700_000_000, 1_500_000_000],
          [18_446_744_073, 709_551_615],
        ] as const;
        for (const time of times) {
          const startTime = time as [number, number];
          const span = shop.getTracer('test').startSpan('work', { startTime });
          span.addEvent('event', { a: 1 }, startTime).end(startTime);
        }
      }),
    ));

  it('of several resources and scopes, in the order of the exporter', () =>
    assertSame(
      made(() => {
        for (const name of ['a', 'b', 'a']) {
          for (const provider of [shop, store]) {
            provider.getTracer(name).startSpan('1').end();
            provider.getTracer(name, '1.0').startSpan('2').end();
            provider.getTracer(name, '1.0', { schemaUrl: 'https://schema' }).startSpan('3').end();
          }
        }
      }),
    ));

  it('of many that are nearly the same: what is kept of one is not written for the next', () => {
    const spans = made(() => {
      // Not random, and hardly ever the same twice.
      let state = 1;
      const next = (below: number): number => {
        state = (state * 48_271) % 2_147_483_647;
        return state % below;
      };
      const some = (): Attributes => {
        const all = Object.entries(values);
        const from = next(all.length);
        const picked = all.slice(from, from + next(5));
        return Object.fromEntries(picked.map(([key, value]) => [key, next(4) === 0 ? next(3) : value]));
      };
      for (let i = 0; i < 600; i++) {
        const tracer = (next(5) === 0 ? store : shop).getTracer(next(3) === 0 ? 'a' : 'b');
        const span = tracer.startSpan('work', { kind: next(5), attributes: some() });
        if (next(2) === 0) span.addEvent(next(2) === 0 ? 'x' : 'y', some());
        if (next(2) === 0) span.addLink({ context: remote, attributes: some() });
        span.end();
      }
    });
    return assertSame(spans);
  });

  it('however long a span is', () =>
    assertSame(
      made(() => {
        for (const length of [1, 100_000, 10])
          shop
            .getTracer('test')
            .startSpan('work', { attributes: { text: '漢'.repeat(length) } })
            .end();
      }),
    ));
});
