/** Follows cancels from hop to hop, by the marks and findings that spans have. Pure. */

import { ATTR_CANCEL_ORIGIN, ATTR_CANCEL_REASON, ATTR_CANCEL_WASTED_MS } from '../../telemetry/attributes.ts';
import type { ExportedSpan } from '../span.ts';
import { AT_ONCE_MS, type CancelMark, cancelMarkOf, findingOf } from './cancel-marks.ts';
import type { Answer, CancelPath, PathHop } from './cancel-path.ts';
import { type Clock, clockOf } from './clocks.ts';
import { type Fate, fateOf, wasToldByPeer, wentOnMs } from './fates.ts';
import type { Hop, Outgoing } from './hops.ts';

/** What is further away is a path of its own: somebody goes round and round. */
const MAX_DEPTH = 100;
/** What stops within this time has stopped: the rule's limit, unless it is told another. */
const SOON_MS = 100;
/** Triggers by which whoever is at work is told; by all others of this process, he has decided himself. */
const LIMITS: readonly string[] = ['deadline', 'signal_timeout', 'timeout', 'parent'];

/** Where a hop stands in a path. */
interface Place extends Clock {
  readonly depth: number;
}

export class PathFinder {
  readonly found: CancelPath[] = [];
  /** Hops and operations that are in a path already. */
  readonly #taken = new Set<Hop | Outgoing>();
  #rows: PathHop[] = [];
  /** When the first hop of the path was cancelled. */
  #zeroMs = 0;

  /** Each hop before those that it has asked. @param asked what led to the hop */
  look(hop: Hop, asked?: Outgoing): void {
    const mark = hop.isIncoming && !this.#taken.has(hop) ? cancelMarkOf(hop.first) : undefined;
    if (mark !== undefined) this.#beginWith(hop, mark, asked);
    for (const fates of this.#decidedIn(hop)) this.#beginBy(hop, fates);
  }

  /** The hop was cancelled, and nobody in the trace is known to have told it. */
  #beginWith(hop: Hop, mark: CancelMark, asked: Outgoing | undefined): void {
    this.#zeroMs = mark.atMs;
    let depth = 0;
    if (mark.initiator === 'peer') {
      const span = asked?.spans[0];
      this.#rows.push({ ...NOBODY, span, service: span?.serviceName, passesOn: span ? 'yes' : 'unknown' });
      depth = 1;
    }
    this.#add(hop, mark, { depth, atMs: mark.atMs, aheadMs: 0 });
    this.#endPath(hop);
  }

  /** What the hop did for others was cancelled, though nobody cancelled the hop, or not yet. */
  #beginBy(hop: Hop, fates: readonly Fate[]): void {
    const mark = fates[0]?.mark as CancelMark;
    this.#zeroMs = mark.atMs;
    const { first } = hop;
    const received = fates.flatMap(({ outgoing }) => outgoing.internal);
    this.#rows.push({
      ...NOBODY,
      ...workOf(received),
      span: first,
      service: first.serviceName,
      told: mark.initiator === 'inherited' ? 'owner' : 'itself',
      ...howOf(mark),
      afterMs: 0,
      listens: workOf(received).evidence.length > 0 ? 'no' : 'none',
      passesOn: passesOn(fates),
    });
    this.#addNext(hop, fates, { depth: 0, atMs: mark.atMs, aheadMs: 0 });
    this.#endPath(hop);
  }

  #endPath({ first }: Hop): void {
    const hops = this.#rows;
    this.#rows = [];
    const wastedMs = hops.reduce((most, hop) => Math.max(most, hop.wastedMs ?? 0), 0);
    this.found.push({ traceId: first.traceId, hops, wastedMs });
  }

  /** Operations that were cancelled by the hop itself, by when: those at once are one cancel. */
  #decidedIn(hop: Hop): Fate[][] {
    const groups: Fate[][] = [];
    const fates = hop.outgoing
      .filter((outgoing) => !this.#taken.has(outgoing))
      .flatMap((outgoing) => fateOf(outgoing, undefined) ?? [])
      .filter(({ mark }) => mark !== undefined)
      .sort((a, b) => (a.mark?.atMs ?? 0) - (b.mark?.atMs ?? 0));
    for (const fate of fates) {
      const group = groups.at(-1);
      const sinceMs = (fate.mark?.atMs ?? 0) - (group?.[0]?.mark?.atMs ?? 0);
      if (group === undefined || sinceMs > AT_ONCE_MS) groups.push([fate]);
      else group.push(fate);
    }
    return groups;
  }

  /** A hop that was cancelled. */
  #add(hop: Hop, mark: CancelMark, place: Place, isSkewed = false): void {
    this.#taken.add(hop);
    const fates = hop.outgoing.flatMap((outgoing) => fateOf(outgoing, mark.atMs) ?? []);
    const work = workOf([
      ...hop.internal.filter(({ parentSpanId }) => parentSpanId === hop.first.spanId),
      ...fates.flatMap(({ outgoing }) => outgoing.internal),
    ]);
    const isTold = mark.initiator !== 'local' || LIMITS.includes(mark.trigger);
    this.#rows.push({
      ...NOBODY,
      ...work,
      depth: place.depth,
      span: hop.first,
      service: hop.first.serviceName,
      told: mark.initiator === 'peer' ? 'peer' : mark.initiator === 'inherited' ? 'owner' : 'itself',
      ...howOf(mark),
      afterMs: mark.atMs - place.aheadMs - this.#zeroMs,
      isSkewed,
      listens: listens(work, isTold),
      passesOn: passesOn(fates),
      evidence: [...work.evidence, ...fates.flatMap(({ is, evidence }) => (is === 'untold' ? evidence : []))],
    });
    this.#addNext(hop, fates, place);
  }

  #addNext(hop: Hop, fates: readonly Fate[], place: Place): void {
    if (place.depth > MAX_DEPTH) return;
    for (const fate of fates) {
      this.#taken.add(fate.outgoing);
      const { next } = fate.outgoing;
      if (next.length === 0) this.#addWithoutSpan(fate, place);
      for (const got of next) if (!this.#taken.has(got)) this.#addGot(hop, got, fate, place);
    }
  }

  /** Nobody has a span of who got it: what is known is what the hop before says. */
  #addWithoutSpan(fate: Fate, { depth, atMs = 0, aheadMs }: Place): void {
    const { outgoing, is, mark, stopped, evidence } = fate;
    const span = outgoing.spans[0];
    const row = { ...NOBODY, depth: depth + 1, span, evidence };
    if (is !== 'told') this.#rows.push({ ...row, ...untold(fate, atMs) });
    else if (stopped === undefined) {
      const afterMs = mark && mark.atMs - aheadMs - this.#zeroMs;
      this.#rows.push({ ...row, told: 'peer', trigger: mark?.trigger, afterMs });
    } else {
      this.#rows.push({ ...row, told: 'peer', listens: 'yes', wastedMs: stopped.endMs - atMs });
    }
  }

  #addGot(hop: Hop, got: Hop, fate: Fate, place: Place): void {
    const { depth } = place;
    const mark = cancelMarkOf(got.first);
    if (mark !== undefined) {
      const { aheadMs, isSkewed } = clockOf(got, mark, fate, place);
      this.#add(got, mark, { depth: depth + 1, atMs: mark.atMs, aheadMs }, isSkewed);
      return;
    }
    this.#taken.add(got);
    const row = { ...NOBODY, depth: depth + 1, span: got.first, service: got.first.serviceName };
    if (fate.is !== 'told') {
      this.#rows.push({ ...row, ...untold(fate, place.atMs ?? 0), evidence: fate.evidence });
      return;
    }
    // It has no mark: a proxy, a service that is not instrumented; or it had answered.
    const told = got.outgoing.filter(({ next }) => next.some(wasToldByPeer));
    const passes: Answer = told.length > 0 ? 'yes' : 'unknown';
    this.#rows.push({ ...row, passesOn: passes, wastedMs: wentOnMs(got, fate) });
    const fates = told.map((outgoing): Fate => ({ outgoing, is: 'told', evidence: [] }));
    this.#addNext(hop, fates, { ...place, depth: depth + 1, atMs: undefined });
  }
}

/** A row of which nothing is known. */
const NOBODY: PathHop = {
  depth: 0,
  service: undefined,
  span: undefined,
  told: 'unknown',
  trigger: undefined,
  origin: undefined,
  reason: undefined,
  afterMs: undefined,
  isSkewed: false,
  listens: 'unknown',
  passesOn: 'unknown',
  wastedMs: undefined,
  evidence: [],
};

/** Work without a finding may be meant to go on: only the application knows. */
function listens(
  { evidence, wastedMs = 0 }: Pick<PathHop, 'wastedMs' | 'evidence'>,
  isTold: boolean,
): Answer {
  if (evidence.length > 0) return 'no';
  if (!isTold) return 'none';
  return wastedMs > SOON_MS ? 'unknown' : 'yes';
}

function passesOn(fates: readonly Fate[]): Answer {
  if (fates.some(({ is }) => is === 'untold')) return 'no';
  if (fates.some(({ is }) => is === 'unsaid')) return 'unknown';
  return fates.some(({ is }) => is === 'told') ? 'yes' : 'none';
}

/** What spans of work after the cancel say. */
function workOf(internal: readonly ExportedSpan[]): Pick<PathHop, 'wastedMs' | 'evidence'> {
  const work = internal.filter(({ attributes }) => attributes[ATTR_CANCEL_WASTED_MS] !== undefined);
  const details = work.flatMap((span) => findingOf(span, 'work_after_cancel') ?? []);
  const wasted = work.map(({ attributes }) => Number(attributes[ATTR_CANCEL_WASTED_MS]));
  return {
    wastedMs: wasted.length === 0 ? undefined : Math.max(...wasted),
    evidence: details.map((detail) => `work_after_cancel: ${detail}`),
  };
}

function howOf({ span, trigger }: CancelMark): Pick<PathHop, 'trigger' | 'origin' | 'reason'> {
  const text = (key: string): string | undefined => {
    const value = span.attributes[key];
    return value === undefined ? undefined : String(value);
  };
  return { trigger, origin: text(ATTR_CANCEL_ORIGIN), reason: text(ATTR_CANCEL_REASON) };
}

/** @param atMs when the hop that asked for it was cancelled */
function untold({ outgoing, is, mark }: Fate, atMs: number): Partial<PathHop> {
  const [outermost] = outgoing.spans;
  const common = { told: is === 'late' ? is : 'no', listens: 'none', passesOn: 'none' } as const;
  if (is === 'unsaid') return { wastedMs: outermost && outermost.endMs - atMs };
  // Of a cancel that was not sent, the end says nothing of the other side.
  if (outermost === undefined || mark !== undefined) return common;
  return { ...common, wastedMs: outermost.endMs - Math.max(atMs, is === 'late' ? outermost.startMs : atMs) };
}
