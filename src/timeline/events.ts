/** Everything that is known of a run, as events on one clock. */
import type { ExportedSpan } from '../spans/span.ts';
import type { Evidence } from './evidence.ts';
import { drawProcess } from './process-events.ts';
import type { ProcessRecord } from './process-record.ts';
import { drawCancels, drawSpans, processesIn } from './span-events.ts';
import { Axis, type TraceEvent, type Track, Tracks } from './trace-event.ts';
import { drawWire } from './wire-events.ts';

export async function* eventsOf(evidence: Evidence): AsyncGenerator<TraceEvent> {
  const { spans, exchanges, processes } = evidence;
  const axis = new Axis(firstOf(evidence));
  const named: TraceEvent[] = [];
  const tracks = new Tracks((event) => named.push(event));
  const places = new Map<ExportedSpan, Track>();
  const left = new Set(processes);
  for (const process of processesIn(spans)) {
    const record = evidence.recordOf(process.spans[0] as ExportedSpan);
    const pid = tracks.process(nameOf(process.serviceName, record));
    yield* drawSpans(process, pid, tracks, axis, places, evidence.sentencesOf);
    // Several providers in one process have spans of several services.
    if (record !== undefined && left.delete(record)) yield* drawProcess(record, pid, tracks, axis);
  }
  for (const record of left) {
    const pid = tracks.process(nameOf(record.service, record));
    yield* drawProcess(record, pid, tracks, axis);
  }
  yield* drawWire(exchanges, tracks, axis);
  yield* drawCancels(spans, axis, places);
  yield* named;
}

function nameOf(service: string, record: ProcessRecord | undefined): string {
  return record === undefined ? service : `${service} (pid ${record.pid})`;
}

/** Unix time in ms. */
function firstOf({ spans, exchanges, processes }: Evidence): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { startMs } of spans) first = Math.min(first, startMs);
  for (const { requestAtMs } of exchanges) first = Math.min(first, requestAtMs);
  for (const { clock, recorded } of processes) first = Math.min(first, clock.unixMs(recorded.info.startedMs));
  return first;
}
