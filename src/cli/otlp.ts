/**
 * Spans in OTLP's JSON encoding: what an exporter sends, what the Collector's file exporter writes (one such
 * object a line), and what Jaeger's /api/v3 answers.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import type { Attributes, ExportedSpan } from './span.ts';

/** Protobuf's JSON may leave out what is empty or zero. */
interface OtlpTraces {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly { readonly name?: string; readonly attributes?: readonly KeyValue[] }[];
}

interface KeyValue {
  readonly key: string;
  readonly value?: {
    readonly stringValue?: string;
    readonly boolValue?: boolean;
    readonly intValue?: string | number;
    readonly doubleValue?: number;
  };
}

export function isOtlp(json: unknown): json is OtlpTraces {
  return typeof json === 'object' && json !== null && 'resourceSpans' in json;
}

export function spansOfOtlp({ resourceSpans = [] }: OtlpTraces): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const serviceName = String(attributesOf(resource?.attributes)['service.name'] ?? 'unknown_service');
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => exportedSpan(span, serviceName)));
  });
}

function exportedSpan(span: OtlpSpan, serviceName: string): ExportedSpan {
  const durationNanos = BigInt(span.endTimeUnixNano ?? 0) - BigInt(span.startTimeUnixNano ?? 0);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || undefined,
    name: span.name ?? '',
    kind: span.kind === 3 ? 'client' : span.kind === 2 ? 'server' : 'other',
    serviceName,
    durationMs: Number(durationNanos) / 1e6,
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map(({ name = '', attributes }) => ({
      name,
      attributes: attributesOf(attributes),
    })),
  };
}

/** Values of other types (arrays, maps) say nothing that is asked for. */
function attributesOf(pairs: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } = {} }) => [
      key,
      // 64-bit integers come as strings.
      stringValue ?? boolValue ?? (intValue === undefined ? doubleValue : Number(intValue)),
    ]),
  );
}
