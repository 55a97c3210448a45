/** What a report says of any number of traces, each of which it looks at once and does not hold. */
import { type BeyondMaps, BeyondTally } from '../../desk/beyond.ts';
import { type Deadlines, DeadlineTally } from '../../desk/deadlines.ts';
import { type Line, LineTally } from '../../desk/lines.ts';
import { cancelledIn, type OperationCount, OperationTally, type Rate } from '../../desk/operations.ts';
import { isCancelled } from '../../spans/cancel.ts';
import { FindingsFinder } from '../../spans/findings.ts';
import { type CancelPath, cancelPathsOf, worstOf } from '../../spans/path/cancel-path.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { operationOf } from '../../spans/title.ts';
import { type Chain, ChainTally } from './chains.ts';
import { type FindingGroup, FindingGroups } from './finding-groups.ts';
import { type Waste, WasteTally } from './waste.ts';

export interface Report {
  /** What was asked. */
  readonly source: string;
  /** What files are told relative to. */
  readonly root: string;
  readonly spanCount: number;
  readonly traceCount: number;
  /** Those in which something was cancelled. */
  readonly cancelledTraceCount: number;
  /** Unix time in ms, of the first begin and the last end; undefined: of no span it is known. */
  readonly time: { readonly startMs: number; readonly endMs: number } | undefined;
  /** Operations that another process asked for: what the cancel rate is of. */
  readonly incoming: Rate;
  /** Those of which any was cancelled, that with the most first. */
  readonly operations: readonly OperationCount[];
  readonly lines: readonly Line[];
  readonly chains: readonly Chain[];
  readonly wastedMs: number;
  readonly waste: readonly Waste[];
  readonly deadlines: Deadlines;
  readonly beyond: BeyondMaps;
  readonly findings: readonly FindingGroup[];
  /** The worst, or all of the trace that was asked for. */
  readonly paths: readonly CancelPath[];
  /** What was not read, or not looked at. */
  readonly leftOut: readonly string[];
}

export interface Asked {
  readonly source: string;
  readonly root: string;
  /** The begin of an id; empty: all. */
  readonly traceId: string;
  /** Whether spans of all services are looked at. */
  readonly areAll: boolean;
  /** How many, of all traces. */
  readonly paths: number;
}

export class Summary {
  readonly #asked: Asked;
  readonly #operations = new OperationTally(operationOf);
  readonly #lines = new LineTally(operationOf);
  readonly #deadlines = new DeadlineTally(operationOf);
  readonly #beyond = new BeyondTally();
  readonly #chains = new ChainTally();
  readonly #waste = new WasteTally();
  readonly #finder: FindingsFinder;
  readonly #findings = new FindingGroups();
  #paths: CancelPath[] = [];
  #spanCount = 0;
  #traceCount = 0;
  #cancelledTraceCount = 0;
  #startMs = Number.POSITIVE_INFINITY;
  #endMs = Number.NEGATIVE_INFINITY;

  constructor(asked: Asked) {
    this.#asked = asked;
    this.#finder = new FindingsFinder({ areAll: asked.areAll });
  }

  add(trace: readonly ExportedSpan[]): void {
    // Whether a process has vanished is told by the other traces, too.
    const findings = this.#finder.add(trace);
    if (!this.#isAsked(trace)) return;
    this.#traceCount++;
    this.#spanCount += trace.length;
    const parentOf = parentsIn(trace);
    for (const finding of findings) this.#findings.add(finding, parentOf(finding.span));
    for (const span of trace) {
      this.#operations.add(span);
      this.#deadlines.add(span);
      // A stranger may not know when it was.
      if (span.startMs > 0) this.#startMs = Math.min(this.#startMs, span.startMs);
      if (Number.isFinite(span.endMs)) this.#endMs = Math.max(this.#endMs, span.endMs);
    }
    this.#waste.add(trace, parentOf);
    if (!trace.some(isCancelled)) return;
    this.#cancelledTraceCount++;
    this.#lines.add(trace);
    this.#beyond.add(trace);
    const paths = cancelPathsOf(trace);
    for (const path of paths) this.#chains.add(path);
    this.#keep(paths);
  }

  /** When all traces were added. @param leftOut what was not read */
  report(leftOut: readonly string[]): Report {
    for (const finding of this.#finder.rest())
      if (this.#isAsked([finding.span])) this.#findings.add(finding, undefined);
    const all = this.#operations.operations();
    const isKnown = this.#startMs <= this.#endMs;
    return {
      source: this.#asked.source,
      root: this.#asked.root,
      spanCount: this.#spanCount,
      traceCount: this.#traceCount,
      cancelledTraceCount: this.#cancelledTraceCount,
      time: isKnown ? { startMs: this.#startMs, endMs: this.#endMs } : undefined,
      incoming: this.#operations.rateOf('incoming'),
      operations: all.filter((operation) => cancelledIn(operation) > 0),
      lines: this.#lines.lines(),
      chains: this.#chains.chains(),
      wastedMs: this.#waste.totalMs,
      waste: this.#waste.rows(),
      deadlines: this.#deadlines.table(),
      beyond: this.#beyond.maps(),
      findings: this.#findings.groups(),
      paths: this.#isOfOneTrace ? this.#paths : worstOf(this.#paths, this.#asked.paths),
      leftOut: [...leftOut, ...this.#unjudged()],
    };
  }

  get #isOfOneTrace(): boolean {
    return this.#asked.traceId !== '';
  }

  #isAsked(trace: readonly ExportedSpan[]): boolean {
    return trace[0]?.traceId.toLowerCase().startsWith(this.#asked.traceId) ?? false;
  }

  /** Of all traces the worst only; some more are held than are told, so that they need not be sorted each time. */
  #keep(paths: readonly CancelPath[]): void {
    const count = this.#asked.paths;
    this.#paths.push(...paths);
    if (!this.#isOfOneTrace && this.#paths.length > 2 * count + 50) this.#paths = worstOf(this.#paths, count);
  }

  #unjudged(): string[] {
    const { leftOutCount } = this.#finder;
    return leftOutCount === 0
      ? []
      : [`${leftOutCount} requests that were reset or late: too many to judge whether a process vanished`];
  }
}

/** Few traces need it: it is made when it is asked for. */
function parentsIn(trace: readonly ExportedSpan[]): (span: ExportedSpan) => ExportedSpan | undefined {
  let byId: Map<string, ExportedSpan> | undefined;
  return ({ parentSpanId = '' }) => {
    byId ??= new Map(trace.map((span) => [span.spanId, span]));
    return byId.get(parentSpanId);
  };
}
