/** Everything that is known of a run, as events on one clock. */
import type { WireExchange } from '../capture/exchange.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { drawCancels, drawSpans, processesIn } from './span-events.ts';
import { Axis, type TraceEvent, type Track, Tracks } from './trace-event.ts';
import { drawWire } from './wire-events.ts';

export interface Run {
  readonly spans: readonly ExportedSpan[];
  /** Requests on the wire; none where there is no capture. */
  readonly exchanges: readonly WireExchange[];
}

export async function* eventsOf({ spans, exchanges }: Run): AsyncGenerator<TraceEvent> {
  const starts = [...spans.map(({ startMs }) => startMs), ...exchanges.map(({ requestAtMs }) => requestAtMs)];
  const axis = new Axis(starts.reduce((first, start) => Math.min(first, start), Number.POSITIVE_INFINITY));
  const named: TraceEvent[] = [];
  const tracks = new Tracks((event) => named.push(event));
  const places = new Map<ExportedSpan, Track>();
  for (const process of processesIn(spans)) {
    const pid = tracks.process(process.serviceName);
    yield* drawSpans(process, pid, tracks, axis, places);
  }
  yield* drawWire(exchanges, tracks, axis);
  yield* drawCancels(spans, axis, places);
  yield* named;
}
