/** Export requests as OpenTelemetry's own exporters send them, that become other ones with every use: other traces. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { context, SpanKind, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** As many as a BatchSpanProcessor sends at a time, or nearly so. */
export const SPANS_A_REQUEST = 500;
const SPANS_A_TRACE = 5;
/** One of so many traces is cancelled. */
const CANCELLED_OF = 5;

export interface Body {
  readonly type: string;
  /** @returns the request with traces that no other one has */
  fresh(): Buffer;
}

let used = 0;

export async function makeBodies(): Promise<Body[]> {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'one' }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracer = provider.getTracer('opentelemetry-instrumentation-cancellation');
  for (let index = 0; index < SPANS_A_REQUEST / SPANS_A_TRACE; index++) makeTrace(tracer, index);
  const spans = memory.getFinishedSpans();
  const traceIds = [...new Set(spans.map((span) => span.spanContext().traceId))];
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const bodies: Body[] = [];
  for (const exporter of [new JsonExporter({ url }), new ProtobufExporter({ url })]) {
    const asked = once(server, 'request');
    exporter.export(spans, () => {});
    const [request, response] = (await asked) as [http.IncomingMessage, http.ServerResponse];
    requests.push(request);
    bodies.push(bodyOf(String(request.headers['content-type']), await buffer(request), traceIds));
    response.end();
    await exporter.shutdown();
  }
  server.close();
  server.closeAllConnections();
  return bodies;
}

/** A request, its handling, and what that asks for. */
function makeTrace(tracer: ReturnType<typeof trace.getTracer>, index: number): void {
  const isCancelled = index % CANCELLED_OF === 0;
  let parent = context.active();
  const open = Array.from({ length: SPANS_A_TRACE }, (_, depth) => {
    const attributes = {
      ...{ 'http.request.method': 'GET', 'url.path': `/orders/${index}`, 'http.route': '/orders/:id' },
      ...{ 'server.address': '127.0.0.1', 'server.port': 8080, 'network.protocol.version': '1.1' },
      ...(isCancelled && {
        ...{ 'context.canceled': true, 'cancel.initiator': depth === 0 ? 'local' : 'inherited' },
        ...{ 'cancel.trigger': 'abort', 'cancel.phase': 'wait', 'cancel.reason': 'seen enough' },
        'cancel.origin': `leave (/app/shop-${index}.js:12:7)`,
        'cancel.stacktrace': STACK,
      }),
      ...(depth === 1 && { 'deadline.timeout_ms': 150, 'deadline.deviation_ms': index - 80 }),
    };
    const kind = depth % 2 === 0 ? SpanKind.CLIENT : SpanKind.SERVER;
    const span = tracer.startSpan('GET /orders/:id', { kind, attributes }, parent);
    if (isCancelled)
      span.addEvent('context.canceled', { 'cancel.initiator': 'local', 'code.stacktrace': STACK });
    parent = trace.setSpan(parent, span);
    return span;
  });
  for (const span of open.reverse()) span.end();
}

const STACK: string = Array.from(
  { length: 8 },
  (_, index) => `    at step${index} (/app/node_modules/some-library/lib/file-${index}.js:${index}:20)`,
).join('\n');

/** Where the ids of traces are, their first eight bytes are numbered. */
function bodyOf(type: string, bytes: Buffer, traceIds: readonly string[]): Body {
  const isJson = type === 'application/json';
  const places = traceIds.flatMap((id) => placesOf(bytes, isJson ? Buffer.from(id) : Buffer.from(id, 'hex')));
  if (places.length !== SPANS_A_REQUEST) throw new Error(`${type}: ${places.length} ids of traces are found`);
  return {
    type,
    fresh() {
      const number = Buffer.alloc(8);
      // The first half of the id; the second tells the traces of a request apart.
      number.writeBigUInt64BE(BigInt(Math.round(performance.timeOrigin)) * 1_000_000n + BigInt(used++));
      const text = isJson ? Buffer.from(number.toString('hex')) : number;
      const copy = Buffer.from(bytes);
      for (const place of places) text.copy(copy, place);
      return copy;
    },
  };
}

function placesOf(bytes: Buffer, part: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(part); at !== -1; at = bytes.indexOf(part, at + 1)) places.push(at);
  return places;
}
