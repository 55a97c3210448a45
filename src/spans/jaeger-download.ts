/** Spans as Jaeger's user interface downloads them: *Trace JSON* of a trace, *Download results* of a search. */
import { asNumber, asText, type Fields, fieldsOf, isFields, listOf, ShapeError, textOf } from './shape.ts';
import { type Attributes, type ExportedSpan, processIdOf, type SpanKind, type SpanStatus } from './span.ts';

/** @returns undefined: it is no such download */
export function spansOfDownload(json: unknown): ExportedSpan[] | undefined {
  if (!isFields(json) || !Array.isArray(json.data)) return undefined;
  return listOf(json.data, 'data', (trace, path) => {
    const processes = fieldsOf(trace.processes, `${path}.processes`);
    return listOf(trace.spans, `${path}.spans`, (span, spanPath) => exportedSpan(span, spanPath, processes));
  }).flat();
}

function exportedSpan(span: Fields, path: string, processes: Fields): ExportedSpan {
  const attributes = attributesOf(span.tags, `${path}.tags`);
  const process = processes[asText(span.processID)];
  const references = listOf(span.references, `${path}.references`, (reference) => reference);
  const parent = references.find(({ refType }) => refType === 'CHILD_OF');
  if (typeof span.duration !== 'number') throw new ShapeError(`${path}.duration must be a number of µs`);
  // Without its start, which is not needed for much, it is as old as can be.
  const startMs = asNumber(span.startTime ?? 0) / 1_000;
  return {
    traceId: textOf(span.traceID, `${path}.traceID`),
    spanId: textOf(span.spanID, `${path}.spanID`),
    parentSpanId: parent === undefined ? undefined : asText(parent.spanID),
    name: textOf(span.operationName, `${path}.operationName`),
    kind: KINDS.find((kind) => kind === attributes['span.kind']) ?? 'internal',
    serviceName: asText((isFields(process) && process.serviceName) || 'unknown_service'),
    processId: isFields(process)
      ? processIdOf(attributesOf(process.tags, `${path}.process.tags`))
      : undefined,
    scopeName: asText(attributes['otel.scope.name'] ?? attributes['otel.library.name'] ?? ''),
    startMs,
    endMs: startMs + span.duration / 1_000,
    durationMs: span.duration / 1_000,
    status: statusOf(attributes),
    attributes,
    events: listOf(span.logs, `${path}.logs`, ({ fields, timestamp }, logPath) => {
      const { event, ...others } = attributesOf(fields, `${logPath}.fields`);
      return { name: asText(event), timeMs: asNumber(timestamp ?? 0) / 1_000, attributes: others };
    }),
    links: references
      .filter((reference) => reference !== parent)
      .map(({ traceID, spanID }) => ({ traceId: asText(traceID), spanId: asText(spanID) })),
  };
}

const KINDS: readonly SpanKind[] = ['server', 'client', 'producer', 'consumer'];

function statusOf(attributes: Attributes): SpanStatus {
  const { error, 'otel.status_code': code, 'otel.status_description': message = '' } = attributes;
  const isError = code === 'ERROR' || asText(error) === 'true';
  return { code: isError ? 'error' : code === 'OK' ? 'ok' : 'unset', message: asText(message) };
}

function attributesOf(tags: unknown, path: string): Attributes {
  return Object.fromEntries(
    listOf(tags, path, ({ key, value }) => [
      asText(key),
      // Jaeger's own are texts, numbers and booleans.
      isFields(value) || Array.isArray(value) ? asText(value) : value,
    ]),
  );
}
