/** Spans that OpenTelemetry's own exporters send, by each protocol, and requests that are refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { type GrpcReceiver, listenGrpc } from '../../src/receiver/otlp-grpc.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { type OtlpReceiver, startReceiver } from '../support/otlp-receiver.ts';

const kept: ExportedSpan[] = [];
let broken = '';
const keep = (spans: readonly ExportedSpan[]): void => {
  if (broken) throw new Error(broken);
  kept.push(...spans);
};
let receiver: OtlpReceiver;
let url = '';
let grpc: GrpcReceiver;

before(async () => {
  receiver = await startReceiver(keep);
  url = receiver.url;
  grpc = await listenGrpc('127.0.0.1', 0, keep);
});
after(async () => {
  grpc.close();
  await receiver.close();
});
beforeEach(() => {
  kept.length = 0;
  broken = '';
});

/** One span with all that a span may have. */
async function exportBy(exporter: SpanExporter): Promise<void> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'one' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('the scope');
  const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
  const span = tracer.startSpan(
    'GET /orders',
    {
      kind: SpanKind.CLIENT,
      startTime: [1_800_000_000, 123_456_000],
      attributes: { text: 'ä', yes: true, whole: -7, half: 0.5, list: ['a', 'b'] },
      links: [{ context: { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 } }],
    },
    trace.setSpanContext(ROOT_CONTEXT, parent),
  );
  span.addEvent('context.canceled', { 'cancel.trigger': 'abort' }, [1_800_000_000, 200_000_000]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'left' });
  span.end([1_800_000_001, 0]);
  await provider.shutdown();
}

const expected = {
  traceId: 'a'.repeat(32),
  parentSpanId: 'b'.repeat(16),
  name: 'GET /orders',
  kind: 'client',
  serviceName: 'shop',
  processId: 'one',
  pid: undefined,
  scopeName: 'the scope',
  startMs: 1_800_000_000_123.456,
  endMs: 1_800_000_001_000,
  status: { code: 'error', message: 'left' },
  attributes: { text: 'ä', yes: true, whole: -7, half: 0.5, list: ['a', 'b'] },
  events: [
    { name: 'context.canceled', timeMs: 1_800_000_000_200, attributes: { 'cancel.trigger': 'abort' } },
  ],
  links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }],
};

describe("the SDK's exporters", () => {
  const exporters: Record<string, () => SpanExporter> = {
    'OTLP/HTTP as JSON': () => new JsonExporter({ url: `${url}/v1/traces` }),
    'OTLP/HTTP as protobuf': () => new ProtobufExporter({ url: `${url}/v1/traces` }),
    'OTLP/HTTP as protobuf, gzipped': () =>
      new ProtobufExporter({ url: `${url}/v1/traces`, compression: 'gzip' as never }),
    'OTLP/gRPC': () => new GrpcExporter({ url: `http://127.0.0.1:${grpc.port}` }),
  };
  for (const [protocol, exporter] of Object.entries(exporters)) {
    it(`by ${protocol}`, async () => {
      await exportBy(exporter());
      assert.equal(kept.length, 1);
      const { spanId, durationMs, ...rest } = kept[0] as ExportedSpan;
      assert.match(spanId, /^[0-9a-f]{16}$/);
      assert.ok(Math.abs(durationMs - 876.544) < 0.001, String(durationMs));
      assert.deepEqual(rest, expected);
    });
  }
});

describe('what is refused, and why', () => {
  const span = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), name: 'x' };
  const requestOf = (...spans: object[]): string =>
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

  async function post(
    body: string | Uint8Array,
    headers: Record<string, string> = {},
    path = '/v1/traces',
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : Buffer.from(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it('nothing: an empty request, and other signals', async () => {
    assert.deepEqual(await post('{}'), { status: 200, body: {} });
    assert.deepEqual(await post('{"resourceSpans":[]}'), { status: 200, body: {} });
    assert.deepEqual(await post('{"resourceMetrics":[]}', {}, '/v1/metrics'), { status: 200, body: {} });
    assert.deepEqual(await post(requestOf(span)), { status: 200, body: {} });
    assert.equal(kept.length, 1);
  });
  it('415: another type, another encoding', async () => {
    const type = await post('x', { 'content-type': 'text/plain' });
    assert.equal(type.status, 415);
    assert.match(
      String(type.body.message),
      /application\/json or application\/x-protobuf, but this is text\/plain/,
    );
    const encoding = await post('x', { 'content-encoding': 'br' });
    assert.equal(encoding.status, 415);
    assert.match(String(encoding.body.message), /gzip, but is br/);
  });
  it('400: neither JSON, nor protobuf, nor gzip, nor OTLP', async () => {
    assert.match(String((await post('{')).body.message), /^no application\/json: /);
    assert.match(String((await post('[]')).body.message), /^no OTLP: resourceSpans is missing$/);
    assert.match(String((await post('{"resourceSpans":7}')).body.message), /resourceSpans must be an array/);
    assert.match(String((await post('x', { 'content-encoding': 'gzip' })).body.message), /^no gzip: /);
    const response = await fetch(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01]),
    });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /no application\/x-protobuf/);
  });
  it('400: where it has another shape, by the path to it', async () => {
    const place = /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\./;
    for (const [fields, what] of [
      [{ attributes: 7 }, 'attributes must be an array, but is a number'],
      [{ attributes: [{ key: 'a' }, 'b'] }, 'attributes[1] must be an object, but is a string'],
      [{ startTimeUnixNano: 'soon' }, 'startTimeUnixNano must be a number of nanoseconds, but is soon'],
      [
        { events: [{ timeUnixNano: -1 }] },
        'events[0].timeUnixNano must be a number of nanoseconds, but is -1',
      ],
    ] as const) {
      const { status, body } = await post(requestOf({ ...span, ...fields }));
      assert.equal(status, 400);
      assert.match(String(body.message), place);
      assert.equal(String(body.message).replace(place, ''), what);
    }
  });
  it('nothing: an attribute that is called like a part of an object', async () => {
    const attributes = [
      { key: '__proto__', value: { kvlistValue: { values: [{ key: 'polluted', value: {} }] } } },
    ];
    assert.equal((await post(requestOf({ ...span, attributes }))).status, 200);
    const [{ attributes: read }] = kept as [ExportedSpan];
    assert.deepEqual(Object.keys(read), ['__proto__']);
    assert.equal('polluted' in read, false);
  });
  it('413: larger than 16 MiB, before or after it is unzipped; and it goes on', async () => {
    const large = ' '.repeat(16 * 2 ** 20 + 1);
    assert.equal((await post(gzipSync(large), { 'content-encoding': 'gzip' })).status, 413);
    const request = http.request(`${url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': large.length },
    });
    request.on('error', () => {});
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.statusCode, 413);
    request.destroy();
    assert.equal((await post(requestOf(span))).status, 200);
  });
  it('405: anything but POST', async () => {
    assert.equal((await fetch(`${url}/v1/traces`)).status, 405);
  });
  it('spans beyond a limit, or without ids: the others are kept', async () => {
    const many = Array.from({ length: 1_025 }, (_, key) => ({ key: `${key}`, value: { intValue: 1 } }));
    const long = { key: 'long', value: { stringValue: 'x'.repeat(256 * 2 ** 10 + 1) } };
    const { status, body } = await post(
      requestOf(
        span,
        { ...span, traceId: 'no' },
        { ...span, attributes: many },
        { ...span, attributes: [long] },
      ),
    );
    assert.equal(status, 200);
    assert.deepEqual(body, {
      partialSuccess: { rejectedSpans: 3, errorMessage: 'traceId must be 32 hex digits, but is "no"' },
    });
    assert.equal(kept.length, 1);
    const all = await post(requestOf({ ...span, attributes: [long] }));
    assert.deepEqual(all, {
      status: 400,
      body: { message: '"long" has 262145 characters, at most are 262144' },
    });
  });
  it('503: it cannot be kept', async () => {
    broken = 'no space left';
    assert.deepEqual(await post(requestOf(span)), { status: 503, body: { message: 'no space left' } });
  });
  it('a value that nests too deep is no crash', async () => {
    const deep = `${'{"arrayValue":{"values":['.repeat(3_000)}{}${']}}'.repeat(3_000)}`;
    const text = requestOf({ ...span, attributes: [{ key: 'deep', value: 'DEEP' }] }).replace('"DEEP"', deep);
    assert.ok([200, 400].includes((await post(text)).status));
    assert.equal((await post(requestOf(span))).status, 200);
  });
});
