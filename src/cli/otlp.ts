/**
 * Spans in OTLP's JSON encoding: what an exporter sends, what the Collector's file exporter writes (one such
 * object a line), and what Jaeger's /api/v3 answers, in a `result`.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import { type Fields, isFields, listOf, ShapeError, textOf } from './shape.ts';
import { type Attributes, type ExportedSpan, processIdOf } from './span.ts';

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
  const serviceName = String(known['service.name'] ?? 'unknown_service');
  const processId = processIdOf(known);
  return listOf(scopeSpans, `${path}.scopeSpans`, ({ spans }, scopePath) =>
    listOf(spans, `${scopePath}.spans`, (span, spanPath) =>
      exportedSpan(span, spanPath, serviceName, processId),
    ),
  ).flat();
}

function exportedSpan(
  span: Fields,
  path: string,
  serviceName: string,
  processId: string | undefined,
): ExportedSpan {
  const { parentSpanId, name = '', kind } = span;
  const endNanos = nanosOf(span.endTimeUnixNano, `${path}.endTimeUnixNano`);
  const durationNanos = endNanos - nanosOf(span.startTimeUnixNano, `${path}.startTimeUnixNano`);
  return {
    traceId: textOf(span.traceId, `${path}.traceId`),
    spanId: textOf(span.spanId, `${path}.spanId`),
    parentSpanId: parentSpanId ? textOf(parentSpanId, `${path}.parentSpanId`) : undefined,
    name: textOf(name, `${path}.name`),
    kind: kind === 3 ? 'client' : kind === 2 ? 'server' : 'other',
    serviceName,
    processId,
    durationMs: Number(durationNanos) / 1e6,
    endMs: Number(endNanos) / 1e6,
    attributes: attributesOf(span.attributes, `${path}.attributes`),
    events: listOf(span.events, `${path}.events`, (event, eventPath) => ({
      name: String(event.name ?? ''),
      attributes: attributesOf(event.attributes, `${eventPath}.attributes`),
    })),
  };
}

/** 64-bit integers come as strings. */
function nanosOf(value: unknown, path: string): bigint {
  const text = String(value ?? 0);
  if (!/^\d+$/.test(text)) throw new ShapeError(`${path} must be a number of nanoseconds, but is ${text}`);
  return BigInt(text);
}

/** Values of other types (arrays, maps) say nothing that is asked for. */
function attributesOf(pairs: unknown, path: string): Attributes {
  return Object.fromEntries(
    listOf(pairs, path, ({ key, value }) => {
      const { stringValue, boolValue, intValue, doubleValue } = isFields(value) ? value : {};
      return [
        String(key),
        stringValue ?? boolValue ?? (intValue === undefined ? doubleValue : Number(intValue)),
      ];
    }),
  );
}
