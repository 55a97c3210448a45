/**
 * Spans in OTLP's JSON encoding: what an exporter sends, what the Collector's file exporter writes (one such
 * object a line), and what Jaeger's /api/v3 answers, in a `result`.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import {
  asNumber,
  asText,
  type Fields,
  fieldsOf,
  isFields,
  listOf,
  readable,
  ShapeError,
  textOf,
} from './shape.ts';
import {
  type Attributes,
  type ExportedSpan,
  processIdOf,
  type SpanEvent,
  type SpanKind,
  type SpanLink,
  type SpanStatus,
} from './span.ts';

/** What the other signals are written in, beside spans or in the same file. */
const OTHER_SIGNALS = ['resourceMetrics', 'resourceLogs', 'resourceProfiles'];

/** @returns undefined: it is no OTLP */
export function spansOfOtlp(json: unknown): ExportedSpan[] | undefined {
  if (!isFields(json)) return undefined;
  if ('result' in json) return spansOfOtlp(json.result);
  if ('resourceSpans' in json) return listOf(json.resourceSpans, 'resourceSpans', spansOfResource).flat();
  return OTHER_SIGNALS.some((signal) => signal in json) ? [] : undefined;
}

function spansOfResource({ resource, scopeSpans }: Fields, path: string): ExportedSpan[] {
  const { attributes } = isFields(resource) ? resource : {};
  const known = attributesOf(attributes, `${path}.resource`);
  const process: Process = {
    serviceName: asText(known['service.name'] ?? 'unknown_service'),
    processId: processIdOf(known),
    pid: typeof known['process.pid'] === 'number' ? known['process.pid'] : undefined,
  };
  return listOf(scopeSpans, `${path}.scopeSpans`, ({ scope, spans }, scopePath) => {
    const scopeName = asText((isFields(scope) && scope.name) || '');
    return listOf(spans, `${scopePath}.spans`, (span, spanPath) =>
      exportedSpan(span, spanPath, process, scopeName),
    );
  }).flat();
}

type Process = Pick<ExportedSpan, 'serviceName' | 'processId' | 'pid'>;

function exportedSpan(span: Fields, path: string, process: Process, scopeName: string): ExportedSpan {
  const { parentSpanId, name = '', kind = 0, status } = span;
  const startNanos = nanosOf(span.startTimeUnixNano, path, 'startTimeUnixNano');
  const endNanos = nanosOf(span.endTimeUnixNano, path, 'endTimeUnixNano');
  // Written out, as all that is done for each span of many: a spread takes longer than all the rest.
  return {
    serviceName: process.serviceName,
    processId: process.processId,
    pid: process.pid,
    traceId: textOf(span.traceId, `${path}.traceId`),
    spanId: textOf(span.spanId, `${path}.spanId`),
    parentSpanId: parentSpanId ? textOf(parentSpanId, `${path}.parentSpanId`) : undefined,
    name: textOf(name, `${path}.name`),
    kind: KINDS[asNumber(kind)] ?? 'internal',
    scopeName,
    startMs: msOf(startNanos),
    endMs: msOf(endNanos),
    durationMs: msBetween(startNanos, endNanos),
    status: statusOf(status),
    attributes: attributesOf(span.attributes, path),
    events: span.events === undefined ? NONE : eventsOf(span.events, `${path}.events`),
    links: span.links === undefined ? NONE : linksOf(span.links, `${path}.links`),
  };
}

const NONE: readonly never[] = [];

function eventsOf(events: unknown, path: string): SpanEvent[] {
  return listOf(events, path, (event, eventPath) => ({
    name: asText(event.name ?? ''),
    timeMs: msOf(nanosOf(event.timeUnixNano, eventPath, 'timeUnixNano')),
    attributes: attributesOf(event.attributes, eventPath),
  }));
}

function linksOf(links: unknown, path: string): SpanLink[] {
  return listOf(links, path, (link, linkPath) => ({
    traceId: textOf(link.traceId, `${linkPath}.traceId`),
    spanId: textOf(link.spanId, `${linkPath}.spanId`),
  }));
}

/** By their numbers in the protocol. */
const KINDS: readonly SpanKind[] = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_CODES: readonly SpanStatus['code'][] = ['unset', 'ok', 'error'];

function statusOf(status: unknown): SpanStatus {
  const { code = 0, message = '' } = isFields(status) ? status : {};
  return { code: STATUS_CODES[asNumber(code)] ?? 'unset', message: asText(message) };
}

/** Digits: 64-bit integers come as strings. */
function nanosOf(value: unknown, path: string, name: string): string {
  const text = asText(value ?? 0);
  if (!/^\d{1,20}$/.test(text))
    throw new ShapeError(`${path}.${name} must be a number of nanoseconds, but is ${text}`);
  return text;
}

/** Nanoseconds since 1970 do not fit a double; microseconds do. */
function msOf(nanos: string): number {
  return Number(nanos.slice(0, -3)) / 1_000;
}

/** To the nanosecond. */
function msBetween(startNanos: string, endNanos: string): number {
  const seconds = Number(endNanos.slice(0, -9)) - Number(startNanos.slice(0, -9));
  return (seconds * 1e9 + Number(endNanos.slice(-9)) - Number(startNanos.slice(-9))) / 1e6;
}

/** Lists and maps in one another. */
const MAX_DEPTH = 64;

/** @param path of what has them */
function attributesOf(pairs: unknown, path: string, depth = 0): Attributes {
  const attributes: Record<string, unknown> = {};
  if (pairs === undefined || pairs === null) return attributes;
  if (!Array.isArray(pairs)) return Object.fromEntries(listOf(pairs, `${path}.attributes`, () => []));
  for (let index = 0; index < pairs.length; index++) {
    const pair: unknown = pairs[index];
    const { key, value } = isFields(pair) ? pair : fieldsOf(pair, `${path}.attributes[${index}]`);
    const read = anyValueOf(value, path, depth);
    if (key === '__proto__') Object.defineProperty(attributes, key, { value: read, enumerable: true });
    else attributes[asText(key)] = read;
  }
  return attributes;
}

function anyValueOf(value: unknown, path: string, depth: number): unknown {
  if (!isFields(value)) return undefined;
  if (typeof value.stringValue === 'string') return value.stringValue;
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = value;
  if (intValue !== undefined) return asNumber(intValue);
  if (depth > MAX_DEPTH) throw new ShapeError(`${path}.attributes nest deeper than ${MAX_DEPTH}`);
  if (isFields(arrayValue))
    return listOf(arrayValue.values, `${path}.attributes`, (element) => anyValueOf(element, path, depth + 1));
  if (isFields(kvlistValue)) return readable(attributesOf(kvlistValue.values, path, depth + 1));
  const plain = stringValue ?? boolValue ?? doubleValue ?? bytesValue;
  return typeof plain === 'object' ? undefined : plain;
}
