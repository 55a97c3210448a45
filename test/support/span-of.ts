/** Spans as they were exported, made by hand. */
import type { ExportedSpan } from '../../src/spans/span.ts';

let ids = 0;

/** One of 100 ms that begins at the first second of 1970 unless it is told otherwise. */
export function spanOf(traceId: string, given: Partial<ExportedSpan> = {}): ExportedSpan {
  ids++;
  const startMs = given.startMs ?? 1_000;
  const endMs = given.endMs ?? startMs + 100;
  return {
    traceId: traceId.padStart(32, '0'),
    spanId: ids.toString(16).padStart(16, '0'),
    parentSpanId: undefined,
    ...{ name: 'GET', kind: 'server', serviceName: 'shop', scopeName: '' },
    ...{ startMs, endMs, durationMs: endMs - startMs, status: { code: 'unset', message: '' } },
    ...{ attributes: {}, events: [], links: [] },
    ...given,
  };
}

const KINDS: readonly ExportedSpan['kind'][] = ['internal', 'server', 'client', 'producer', 'consumer'];

/** As one line of OTLP JSON. */
export function otlpLineOf(spans: readonly ExportedSpan[]): string {
  const resourceSpans = spans.map((span) => ({
    resource: { attributes: pairsOf({ 'service.name': span.serviceName }) },
    scopeSpans: [{ scope: { name: span.scopeName }, spans: [otlpOf(span)] }],
  }));
  return JSON.stringify({ resourceSpans });
}

function otlpOf(span: ExportedSpan): object {
  const { traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, events, status } = span;
  return {
    ...{ traceId, spanId, parentSpanId, name, kind: KINDS.indexOf(kind) + 1 },
    startTimeUnixNano: nanosOf(startMs),
    endTimeUnixNano: nanosOf(endMs),
    attributes: pairsOf(attributes),
    events: events.map((event) => ({
      name: event.name,
      timeUnixNano: nanosOf(event.timeMs),
      attributes: pairsOf(event.attributes),
    })),
    status: { code: ['unset', 'ok', 'error'].indexOf(status.code), message: status.message },
  };
}

function nanosOf(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

function pairsOf(attributes: ExportedSpan['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'boolean') return { key, value: { boolValue: value } };
    return {
      key,
      value: typeof value === 'number' ? { doubleValue: value } : { stringValue: String(value) },
    };
  });
}
