/** Spans as Jaeger's user interface downloads them: *Trace JSON* of a trace, *Download results* of a search. */
import { type Fields, fieldsOf, isFields, listOf, ShapeError, textOf } from './shape.ts';
import { type Attributes, type ExportedSpan, processIdOf } from './span.ts';

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
  const kind = attributes['span.kind'];
  const process = processes[String(span.processID)];
  const references = listOf(span.references, `${path}.references`, (reference) => reference);
  const parent = references.find(({ refType }) => refType === 'CHILD_OF');
  if (typeof span.duration !== 'number') throw new ShapeError(`${path}.duration must be a number of µs`);
  return {
    traceId: textOf(span.traceID, `${path}.traceID`),
    spanId: textOf(span.spanID, `${path}.spanID`),
    parentSpanId: parent === undefined ? undefined : String(parent.spanID),
    name: textOf(span.operationName, `${path}.operationName`),
    kind: kind === 'client' || kind === 'server' ? kind : 'other',
    serviceName: String((isFields(process) && process.serviceName) || 'unknown_service'),
    processId: isFields(process)
      ? processIdOf(attributesOf(process.tags, `${path}.process.tags`))
      : undefined,
    durationMs: span.duration / 1_000,
    // Without its start, which is not needed for anything else, it is as old as can be.
    endMs: (Number(span.startTime ?? 0) + span.duration) / 1_000,
    attributes,
    events: listOf(span.logs, `${path}.logs`, ({ fields }, logPath) => {
      const { event, ...others } = attributesOf(fields, `${logPath}.fields`);
      return { name: String(event), attributes: others };
    }),
  };
}

function attributesOf(tags: unknown, path: string): Attributes {
  return Object.fromEntries(listOf(tags, path, ({ key, value }) => [String(key), value]));
}
