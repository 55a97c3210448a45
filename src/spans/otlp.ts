/**
 * Spans in OTLP's JSON encoding: what an exporter sends, what the Collector's file exporter writes (one such
 * object a line), and what Jaeger's /api/v3 answers, in a `result`.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import { type Fields, isFields, listOf, ShapeError, textOf } from './shape.ts';
import { type Attributes, type ExportedSpan, processIdOf, type SpanKind, type SpanStatus } from './span.ts';

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
  const known = attributesOf(attributes, `${path}.resource.attributes`);
  const process: Process = {
    serviceName: String(known['service.name'] ?? 'unknown_service'),
    processId: processIdOf(known),
  };
  return listOf(scopeSpans, `${path}.scopeSpans`, ({ scope, spans }, scopePath) => {
    const scopeName = String((isFields(scope) && scope.name) || '');
    return listOf(spans, `${scopePath}.spans`, (span, spanPath) =>
      exportedSpan(span, spanPath, process, scopeName),
    );
  }).flat();
}

type Process = Pick<ExportedSpan, 'serviceName' | 'processId'>;

function exportedSpan(span: Fields, path: string, process: Process, scopeName: string): ExportedSpan {
  const { parentSpanId, name = '', kind = 0, status } = span;
  const startNanos = nanosOf(span.startTimeUnixNano, `${path}.startTimeUnixNano`);
  const endNanos = nanosOf(span.endTimeUnixNano, `${path}.endTimeUnixNano`);
  return {
    ...process,
    traceId: textOf(span.traceId, `${path}.traceId`),
    spanId: textOf(span.spanId, `${path}.spanId`),
    parentSpanId: parentSpanId ? textOf(parentSpanId, `${path}.parentSpanId`) : undefined,
    name: textOf(name, `${path}.name`),
    kind: KINDS[Number(kind)] ?? 'internal',
    scopeName,
    startMs: msOf(startNanos),
    endMs: msOf(endNanos),
    durationMs: Number(endNanos - startNanos) / 1e6,
    status: statusOf(status),
    attributes: attributesOf(span.attributes, `${path}.attributes`),
    events: listOf(span.events, `${path}.events`, (event, eventPath) => ({
      name: String(event.name ?? ''),
      timeMs: msOf(nanosOf(event.timeUnixNano, `${eventPath}.timeUnixNano`)),
      attributes: attributesOf(event.attributes, `${eventPath}.attributes`),
    })),
    links: listOf(span.links, `${path}.links`, (link, linkPath) => ({
      traceId: textOf(link.traceId, `${linkPath}.traceId`),
      spanId: textOf(link.spanId, `${linkPath}.spanId`),
    })),
  };
}

/** By their numbers in the protocol. */
const KINDS: readonly SpanKind[] = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_CODES: readonly SpanStatus['code'][] = ['unset', 'ok', 'error'];

function statusOf(status: unknown): SpanStatus {
  const { code = 0, message = '' } = isFields(status) ? status : {};
  return { code: STATUS_CODES[Number(code)] ?? 'unset', message: String(message) };
}

/** 64-bit integers come as strings. */
function nanosOf(value: unknown, path: string): bigint {
  const text = String(value ?? 0);
  if (!/^\d+$/.test(text)) throw new ShapeError(`${path} must be a number of nanoseconds, but is ${text}`);
  return BigInt(text);
}

/** Nanoseconds since 1970 do not fit a double; microseconds do. */
function msOf(nanos: bigint): number {
  return Number(nanos / 1_000n) / 1_000;
}

function attributesOf(pairs: unknown, path: string): Attributes {
  return Object.fromEntries(listOf(pairs, path, ({ key, value }) => [String(key), anyValueOf(value, path)]));
}

function anyValueOf(value: unknown, path: string): unknown {
  if (!isFields(value)) return undefined;
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = value;
  if (intValue !== undefined) return Number(intValue);
  if (isFields(arrayValue)) return listOf(arrayValue.values, path, (element) => anyValueOf(element, path));
  if (isFields(kvlistValue)) return attributesOf(kvlistValue.values, path);
  return stringValue ?? boolValue ?? doubleValue ?? bytesValue;
}
