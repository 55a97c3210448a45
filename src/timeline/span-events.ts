/** Spans as slices: a process for each of a service, tracks for its operations, cancels as instants with arrows from whoever cancelled. */
import { cancelOf, deadlineOf, findingsOn } from '../spans/cancel.ts';
import { groupBy } from '../spans/group-by.ts';
import { AT_ONCE_MS } from '../spans/path/cancel-marks.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { operationOf, titleOf } from '../spans/title.ts';
import { SPAN_WORK_AFTER_CANCEL } from '../telemetry/attributes.ts';
import { Cancellers } from './cancellers.ts';
import type { Evidence } from './evidence.ts';
import { Lanes, type Placeable } from './lanes.ts';
import { type Axis, FOR_NOBODY, type TraceEvent, type Track, type Tracks } from './trace-event.ts';

const ARROWS: Readonly<Record<string, string>> = {
  client: '→ ',
  server: '← ',
  producer: '⇢ ',
  consumer: '⇠ ',
};

/** A span where it is drawn. */
export interface Drawn extends Placeable {
  readonly span: ExportedSpan;
  readonly parent: Drawn | undefined;
  /** What its process does it for: the first of its ancestors there. */
  readonly operation: string;
  lane: number;
}

/** Spans of one process of a service. */
export interface ServiceProcess {
  readonly serviceName: string;
  readonly processId: string | undefined;
  readonly spans: readonly ExportedSpan[];
}

/** In the order of their first spans. */
export function processesIn(spans: readonly ExportedSpan[]): ServiceProcess[] {
  const ordered = spans.toSorted((a, b) => a.startMs - b.startMs);
  const groups = groupBy(ordered, ({ serviceName, processId }) => `${serviceName} ${processId}`);
  return [...groups.values()].map((group) => {
    const { serviceName, processId } = group[0] as ExportedSpan;
    return { serviceName, processId, spans: group };
  });
}

/** @returns where each span is drawn, for what points at it */
export function* drawSpans(
  { spans }: ServiceProcess,
  pid: number,
  tracks: Tracks,
  axis: Axis,
  places: Map<ExportedSpan, Track>,
  sentencesOf: Evidence['sentencesOf'],
): Generator<TraceEvent> {
  const drawn = layOut(spans, axis);
  for (const [operation, group] of groupBy(drawn, (one) => one.operation)) {
    const lanes = groupBy(
      group.toSorted((a, b) => a.lane - b.lane),
      ({ lane }) => lane,
    );
    for (const [lane, inLane] of lanes) {
      const track = tracks.track(pid, lane === 0 ? operation : `${operation} (${lane + 1})`);
      for (const one of inLane) {
        places.set(one.span, track);
        yield* drawSpan(one, track, axis, sentencesOf(one.span));
      }
    }
  }
  yield* drawGoneOn(drawn, pid, tracks, axis);
}

/** Of what one process did: what is done for an operation is on its tracks. */
export function layOut(spans: readonly ExportedSpan[], axis: Axis): Drawn[] {
  const bySpanId = new Map(spans.map((span) => [span.spanId, span]));
  const known = new Map<ExportedSpan, Drawn>();
  /** Without recursion: a trace may be very deep, or its own ancestor. */
  const make = (span: ExportedSpan): Drawn => {
    const chain: ExportedSpan[] = [];
    let next: ExportedSpan | undefined = span;
    while (next !== undefined && !known.has(next) && !chain.includes(next)) {
      chain.push(next);
      next = bySpanId.get(next.parentSpanId ?? '');
    }
    let parent = next && known.get(next);
    for (const each of chain.reverse()) {
      const operation = parent?.operation ?? (ARROWS[each.kind] ?? '') + operationOf(each);
      const fromNs = axis.ns(each.startMs);
      parent = {
        span: each,
        parent,
        operation,
        fromNs,
        toNs: Math.max(fromNs, axis.ns(each.endMs)),
        lane: 0,
      };
      known.set(each, parent);
    }
    return known.get(span) as Drawn;
  };
  const all = spans.map(make);
  const depth = (one: Drawn): number => {
    let count = 0;
    for (let { parent } = one; parent !== undefined; parent = parent.parent) count++;
    return count;
  };
  const depths = new Map(all.map((one) => [one, depth(one)]));
  // A parent before its children, where they start together.
  all.sort((a, b) => a.fromNs - b.fromNs || (depths.get(a) ?? 0) - (depths.get(b) ?? 0));
  const lanesOf = new Map<string, Lanes<Drawn>>();
  for (const one of all) {
    const lanes = lanesOf.get(one.operation) ?? new Lanes<Drawn>(isAbove);
    lanesOf.set(one.operation, lanes);
    one.lane = lanes.place(one, one.parent?.lane);
  }
  return all;
}

function isAbove(outer: Drawn, inner: Drawn): boolean {
  let above = inner.parent;
  while (above !== undefined && above !== outer) above = above.parent;
  return above === outer;
}

function* drawSpan(
  { span, fromNs, toNs }: Drawn,
  track: Track,
  axis: Axis,
  onWire: readonly string[],
): Generator<TraceEvent> {
  const cancel = cancelOf(span);
  const isForNobody = span.name === SPAN_WORK_AFTER_CANCEL;
  const { traceId, spanId, attributes, status } = span;
  yield {
    ph: 'X',
    name: (ARROWS[span.kind] ?? '') + titleOf(span),
    ...(isForNobody ? FOR_NOBODY : { cat: `span,${span.kind}` }),
    ts: fromNs / 1_000,
    dur: (toNs - fromNs) / 1_000,
    ...track,
    args: { 'trace id': traceId, 'span id': spanId, status: status.code, ...attributes },
  };
  if (cancel === undefined) return;
  const { outcome, initiator, trigger, phase, reason, origin } = cancel;
  const deadline = deadlineOf(span);
  if (outcome === 'deadline_exceeded' && deadline !== undefined) {
    const ts = axis.us(span.startMs + deadline.timeoutMs);
    yield { ph: 'i', s: 't', name: 'its deadline', cat: 'deadline', ts, ...track, args: { ...deadline } };
  }
  yield {
    ph: 'i',
    s: 't',
    name: outcome === 'canceled' ? 'canceled' : 'deadline exceeded',
    cat: 'cancel',
    ts: cancelNs(span, axis) / 1_000,
    ...track,
    args: {
      ...{ initiator, trigger, phase, reason, origin, findings: findingsOn(span) },
      'on the wire': onWire,
    },
  };
}

/** Spans that went on after what they were for was cancelled. On tracks of their own, as they are across what is inside of them. */
function* drawGoneOn(
  drawn: readonly Drawn[],
  pid: number,
  tracks: Tracks,
  axis: Axis,
): Generator<TraceEvent> {
  const lanes = new Lanes<Placeable>(() => false);
  const byLane: Track[] = [];
  const goneOn = drawn.flatMap(({ span, parent, fromNs, toNs }) => {
    const ownerCancelMs = ownerCancelOf(parent);
    const isGoneOn = ownerCancelMs !== undefined && span.endMs - ownerCancelMs > AT_ONCE_MS;
    if (!isGoneOn || span.name === SPAN_WORK_AFTER_CANCEL) return [];
    return [{ span, wentOnFromNs: Math.max(fromNs, axis.ns(ownerCancelMs)), toNs }];
  });
  for (const { span, wentOnFromNs, toNs } of goneOn.sort((a, b) => a.wentOnFromNs - b.wentOnFromNs)) {
    const lane = lanes.place({ fromNs: wentOnFromNs, toNs });
    const track = byLane[lane] ?? tracks.track(pid, 'after the cancel');
    byLane[lane] = track;
    yield {
      ph: 'X',
      name: `${(ARROWS[span.kind] ?? '') + titleOf(span)} goes on`,
      ...FOR_NOBODY,
      ts: wentOnFromNs / 1_000,
      dur: (toNs - wentOnFromNs) / 1_000,
      ...track,
      args: { 'trace id': span.traceId, 'span id': span.spanId },
    };
  }
}

function ownerCancelOf(parent: Drawn | undefined): number | undefined {
  for (let above = parent; above !== undefined; above = above.parent) {
    const cancel = cancelOf(above.span);
    if (cancel !== undefined) return cancel.atMs;
  }
  return undefined;
}

/** Within its span, so that whoever draws it knows which one is meant: many a span ends by its cancel. */
function cancelNs(span: ExportedSpan, axis: Axis): number {
  const [fromNs, toNs] = [axis.ns(span.startMs), axis.ns(span.endMs)];
  return Math.max(fromNs, Math.min(axis.ns(cancelOf(span)?.atMs ?? span.endMs), toNs - 1));
}

/** From each cancel to those that it was the cause of. */
export function* drawCancels(
  spans: readonly ExportedSpan[],
  axis: Axis,
  places: ReadonlyMap<ExportedSpan, Track>,
): Generator<TraceEvent> {
  const cancellers = new Cancellers(spans);
  let id = 0;
  for (const span of spans) {
    const canceller = cancellers.of(span);
    const [from, to] = [canceller && places.get(canceller), places.get(span)];
    if (canceller === undefined || from === undefined || to === undefined) continue;
    const toNs = cancelNs(span, axis);
    // An arrow does not go back in time, however far two clocks are apart.
    const fromNs = Math.min(cancelNs(canceller, axis), toNs);
    if (fromNs < axis.ns(canceller.startMs)) continue;
    const common = { cat: 'cancel', name: 'cancel', id: ++id };
    yield { ph: 's', ...common, ts: fromNs / 1_000, ...from };
    yield { ph: 'f', bp: 'e', ...common, ts: toNs / 1_000, ...to };
  }
}
