/** What was recorded around one trace, for the page: the wire, and beneath it what its processes did at that time. */
import type { WireExchange } from '../capture/exchange.ts';
import { type Fact, factsOf, remarksOn } from '../capture/facts.ts';
import { sentenceOf } from '../capture/sentence.ts';
import type { ToldBySpans } from '../capture/told-by-spans.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { type Frame, labelOf, slicesIn } from './cpu-stacks.ts';
import type { Evidence } from './evidence.ts';
import type { Interval, ProcessRecord } from './process-record.ts';
import { type Verdict, verdictsOf } from './verdict.ts';
import { endOf } from './wire-events.ts';

export interface TraceTimeline {
  readonly verdicts: readonly Pick<Verdict, 'cause' | 'sentence'>[];
  readonly rows: readonly TimelineRow[];
}

export interface TimelineRow {
  /** A service, or `wire`. */
  readonly of: string;
  readonly name: string;
  readonly bars: readonly TimelineBar[];
  readonly instants: readonly { readonly atMs: number; readonly text: string }[];
  /** Of the wire only. */
  readonly wire?: ToldByWire;
}

/** What became of a request on the wire, as the command `capture` tells it. */
export interface ToldByWire {
  /** Of the client that sent it and the server that got it, as far as they are in the trace. */
  readonly spanIds: readonly string[];
  readonly protocol: string;
  /** Undefined: no span says that it was cancelled. */
  readonly sentence: string | undefined;
  /** With Unix time in ms. */
  readonly facts: readonly Fact[];
  readonly remarks: readonly string[];
}

/** Unix time in ms. */
export interface TimelineBar extends Interval {
  readonly text: string;
  readonly kind: 'wire' | 'late' | 'stall' | 'gc' | 'cpu' | 'library';
  /** Inside of so many others. */
  readonly depth: number;
}

/** Of the time that is shown: shorter ones nobody sees. */
const LEAST_SHOWN = 0.001;
/** Functions above each other. */
const MAX_DEPTH = 5;
/** Of a row. */
const MAX_BARS = 2_000;

export class TraceTimelines {
  readonly #evidence: Evidence;
  #verdicts: Promise<Verdict[]> | undefined;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** @param within of what is shown */
  async of(trace: readonly ExportedSpan[], within: Interval): Promise<TraceTimeline> {
    this.#verdicts ??= verdictsOf(this.#evidence);
    const traceId = trace[0]?.traceId;
    const verdicts = (await this.#verdicts).filter(({ span }) => span.traceId === traceId);
    const wire = this.#evidence.exchanges.filter(
      (exchange) =>
        exchange.traceId === traceId || this.#evidence.toldOf(exchange)?.server?.span.traceId === traceId,
    );
    const records = new Set(trace.flatMap((span) => this.#evidence.recordOf(span) ?? []));
    const ordered = wire.toSorted((a, b) => a.requestAtMs - b.requestAtMs);
    const rows = ordered.map((exchange) => wireRow(exchange, this.#evidence.toldOf(exchange)));
    for (const record of records) rows.push(...(await processRows(record, within)));
    return { verdicts: verdicts.map(({ cause, sentence }) => ({ cause, sentence })), rows };
  }
}

function wireRow(exchange: WireExchange, told: ToldBySpans | undefined): TimelineRow {
  const { method, target, client, server, cut, requestAtMs: fromMs } = exchange;
  const toMs = endOf(exchange);
  const bars: TimelineBar[] = [{ fromMs, toMs, text: `${method} ${target}`, kind: 'wire', depth: 0 }];
  const lateMs = Math.max(exchange.late.client.lastAtMs, exchange.late.server.lastAtMs);
  if (cut !== undefined && lateMs > 0)
    bars.push({ fromMs: cut.atMs, toMs: lateMs, text: 'content after that', kind: 'late', depth: 0 });
  const instants = factsOf(exchange, undefined).map(({ atMs, by, text }) => ({
    atMs: fromMs + atMs,
    text: `${by}: ${text}`,
  }));
  return { of: 'wire', name: `${client} → ${server}`, bars, instants, wire: wireOf(exchange, told) };
}

function wireOf(exchange: WireExchange, told: ToldBySpans | undefined): ToldByWire {
  const { protocol, stream, requestAtMs } = exchange;
  return {
    spanIds: [told?.client, told?.server].flatMap((side) => side?.span.spanId ?? []),
    protocol: stream === undefined ? protocol : `${protocol} stream ${stream}`,
    sentence: sentenceOf(exchange, told),
    facts: factsOf(exchange, told).map((fact) => ({ ...fact, atMs: requestAtMs + fact.atMs })),
    remarks: remarksOn(exchange, told),
  };
}

async function processRows(record: ProcessRecord, within: Interval): Promise<TimelineRow[]> {
  const { recorded, clock, service } = record;
  const row = (name: string, bars: readonly TimelineBar[]): TimelineRow[] =>
    bars.length === 0 ? [] : [{ of: service, name, bars, instants: [] }];
  const bar = (atMs: number, durationMs: number, kind: TimelineBar['kind'], text: string): TimelineBar => {
    const fromMs = clock.unixMs(atMs);
    return { fromMs, toMs: fromMs + durationMs, text, kind, depth: 0 };
  };
  const seen = ({ fromMs, toMs }: Interval) => fromMs < within.toMs && toMs > within.fromMs;
  const stalls = recorded.stalls
    .map(({ atMs, durationMs, isRecorder }) =>
      bar(atMs, durationMs, 'stall', isRecorder ? 'blocked by the recorder' : 'blocked'),
    )
    .filter(seen);
  const gc = recorded.gc.map(({ atMs, durationMs, kind }) => bar(atMs, durationMs, 'gc', kind)).filter(seen);
  return [
    ...row('event loop', stalls),
    ...row('garbage collection', gc),
    ...row('CPU', await cpuBars(record, within)),
  ];
}

/** Of the application's functions, and of what they called that which did the work. */
async function cpuBars(record: ProcessRecord, within: Interval): Promise<TimelineBar[]> {
  const bars: TimelineBar[] = [];
  const leastMs = LEAST_SHOWN * (within.toMs - within.fromMs);
  for await (const profile of record.profiles(within)) {
    const offsetMs = record.clock.unixMs(profile.startMs) - profile.startMs;
    for (const { frame, depth, ...slice } of slicesIn(profile, essentials)) {
      const [fromMs, toMs] = [slice.fromMs + offsetMs, slice.toMs + offsetMs];
      if (toMs <= within.fromMs || fromMs >= within.toMs || toMs - fromMs < leastMs) continue;
      const kind = frame.isApplication ? 'cpu' : 'library';
      bars.push({ fromMs, toMs, text: labelOf(frame), kind, depth });
    }
  }
  const longest = bars.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs));
  return longest.slice(0, MAX_BARS);
}

function essentials(stack: readonly Frame[]): readonly Frame[] {
  const frames = stack.filter(({ isApplication }) => isApplication).slice(1 - MAX_DEPTH);
  const last = stack.at(-1);
  return last === undefined || last.isApplication ? frames : [...frames, last];
}
