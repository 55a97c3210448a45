// A small OTLP/HTTP receiver: takes spans as JSON and keeps them flat, in memory.
// It is enough for a demo or a test; a real backend also takes protobuf and gRPC.
import { once } from 'node:events';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/**
 * @typedef {object} Span
 * @property {string} traceId 32 hex digits
 * @property {string} spanId 16 hex digits
 * @property {string | undefined} parentSpanId undefined for the root of a trace
 * @property {string} name
 * @property {'internal' | 'server' | 'client' | 'producer' | 'consumer'} kind
 * @property {string} serviceName
 * @property {Record<string, unknown>} attributes
 * @property {{ name: string, timeMs: number, attributes: Record<string, unknown> }[]} events
 * @property {{ traceId: string, spanId: string, attributes: Record<string, unknown> }[]} links
 * @property {{ code: 'unset' | 'ok' | 'error', message: string }} status
 * @property {number} startMs since the epoch, with fractions
 * @property {number} endMs since the epoch, with fractions
 */

const maxBodyBytes = 16 * 1024 * 1024;
const spanKinds = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'];
const statusCodes = ['unset', 'ok', 'error'];
const unzip = promisify(gunzip);

/**
 * Starts a receiver. `url` is what OTEL_EXPORTER_OTLP_ENDPOINT wants; `spans` grows as spans arrive.
 * `forward`, if given, is called with the headers and the body of each accepted request, as they came.
 *
 * @param {{ host?: string, port?: number, forward?: (headers: http.IncomingHttpHeaders, body: Buffer) => void }} [options]
 * @returns {Promise<{ url: string, spans: Span[], close: () => Promise<void> }>}
 */
export async function startReceiver({ host = '127.0.0.1', port = 0, forward } = {}) {
  /** @type {Span[]} */
  const spans = [];
  const server = http.createServer(async (request, response) => {
    try {
      const body = await receive(request);
      spans.push(...body.spans);
      forward?.(request.headers, body.raw);
      reply(response, 200, { partialSuccess: {} });
    } catch (error) {
      // Closes the connection: the rest of a refused body may still be under way.
      response.setHeader('connection', 'close');
      reply(response, error instanceof Refusal ? error.statusCode : 400, { message: error.message });
    }
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${server.address().port}`,
    spans,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/**
 * Flattens an OTLP ExportTraceServiceRequest in its JSON encoding.
 *
 * @param {any} exportRequest
 * @returns {Span[]}
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function flattenSpans(exportRequest) {
  const spans = [];
  for (const { resource, scopeSpans } of exportRequest.resourceSpans ?? []) {
    const serviceName = readAttributes(resource?.attributes)['service.name'] ?? 'unknown_service';
    for (const span of (scopeSpans ?? []).flatMap((scope) => scope.spans ?? [])) {
      spans.push(flattenSpan(span, serviceName));
    }
  }
  return spans;
}

function flattenSpan(span, serviceName) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || undefined,
    name: span.name ?? '', // Protobuf's JSON may leave out what is empty.
    kind: spanKinds[span.kind ?? 0] ?? 'internal',
    serviceName,
    attributes: readAttributes(span.attributes),
    events: (span.events ?? []).map((event) => ({
      name: event.name ?? '',
      timeMs: toMs(event.timeUnixNano),
      attributes: readAttributes(event.attributes),
    })),
    links: (span.links ?? []).map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: readAttributes(link.attributes),
    })),
    status: { code: statusCodes[span.status?.code ?? 0] ?? 'unset', message: span.status?.message ?? '' },
    startMs: toMs(span.startTimeUnixNano),
    endMs: toMs(span.endTimeUnixNano),
  };
}

function readAttributes(keyValues = []) {
  return Object.fromEntries(keyValues.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value = {}) {
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(readValue);
  if ('kvlistValue' in value) return readAttributes(value.kvlistValue.values);
  if ('intValue' in value) return Number(value.intValue); // 64-bit integers may come as strings.
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.bytesValue;
}

/** Nanoseconds do not fit a double; microseconds since the epoch do. */
function toMs(unixNano) {
  return Number(BigInt(unixNano ?? 0) / 1000n) / 1000;
}

async function receive(request) {
  if (request.url !== '/v1/traces') throw new Refusal(404, 'only /v1/traces is served here');
  if (request.method !== 'POST') throw new Refusal(405, 'only POST is served here');
  const contentType = request.headers['content-type'] ?? 'no content type';
  if (contentType.split(';')[0].trim() !== 'application/json') {
    throw new Refusal(
      415,
      `only OTLP as application/json is understood here, this is ${contentType}: set OTEL_EXPORTER_OTLP_PROTOCOL=http/json`,
    );
  }
  const raw = await buffer(atMost(request.iterator({ destroyOnReturn: false }), maxBodyBytes));
  const isZipped = request.headers['content-encoding'] === 'gzip';
  const text = isZipped ? await unzip(raw, { maxOutputLength: maxBodyBytes }) : raw;
  return { raw, spans: flattenSpans(JSON.parse(text.toString())) };
}

async function* atMost(chunks, maxBytes) {
  let byteCount = 0;
  for await (const chunk of chunks) {
    byteCount += chunk.length;
    if (byteCount > maxBytes) throw new Refusal(413, `a body may have ${maxBytes} bytes at most`);
    yield chunk;
  }
}

class Refusal extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

function reply(response, statusCode, body) {
  response.writeHead(statusCode, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
