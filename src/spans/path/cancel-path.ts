/**
 * The path of a cancel through a trace, hop by hop: who was told, how and when, who stopped, who told the next ones, and what was
 * done for nobody. Pure. Only what spans say: a ✗ (`no`) is a finding, and what nobody could know is `unknown`.
 */
import type { ExportedSpan } from '../span.ts';
import { cancelMarkOf } from './cancel-marks.ts';
import { firstHopsOf, type Hop, type Outgoing } from './hops.ts';
import { PathFinder } from './path-finder.ts';

export interface CancelPath {
  readonly traceId: string;
  /** The first is where it begins; each before those that it told. */
  readonly hops: readonly PathHop[];
  /** In ms: by the hop that went on for longest. */
  readonly wastedMs: number;
}

export interface PathHop {
  /** How many hops it is away from the first. */
  readonly depth: number;
  /** Undefined: it has no span. */
  readonly service: string | undefined;
  /** Its own; or, where it has none, that of who asked it. Undefined: neither has any. */
  readonly span: ExportedSpan | undefined;
  readonly told: Told;
  /** How, as `cancel.trigger` says it. */
  readonly trigger: string | undefined;
  readonly origin: string | undefined;
  readonly reason: string | undefined;
  /** From the cancel at the first hop to when it was told, in ms. */
  readonly afterMs: number | undefined;
  /** The clocks of the two processes contradict each other, so `afterMs` is no more than likely. */
  readonly isSkewed: boolean;
  /** Whether it stopped when it was told. */
  readonly listens: Answer;
  /** Whether it told those that were at work for it. */
  readonly passesOn: Answer;
  /** For how long it went on after it was told, or should have been, in ms. */
  readonly wastedMs: number | undefined;
  /** What makes a `no`, and why it was not told: details of findings. */
  readonly evidence: readonly string[];
}

/**
 * - `itself`: it decided, or a limit of its own passed
 * - `peer`: by whoever asked it, or by the end of their connection
 * - `owner`: by the cancel of what it works for, which has no span here
 * - `no`: whoever asked it was found not to have told it
 * - `late`: it was asked after the cancel
 * - `unknown`: it has no mark of a cancel, and may have been told
 */
export type Told = 'itself' | 'peer' | 'owner' | 'no' | 'late' | 'unknown';

/** `none`: there was nothing to stop, or nobody to tell. */
export type Answer = 'yes' | 'no' | 'none' | 'unknown';

/** @param spans of any number of traces */
export function cancelPathsOf(spans: readonly ExportedSpan[]): CancelPath[] {
  const traces = new Map<string, ExportedSpan[]>();
  for (const span of spans) {
    const { traceId } = span;
    if (!traces.get(traceId)?.push(span)) traces.set(traceId, [span]);
  }
  return [...traces.values()].filter((trace) => trace.some(cancelMarkOf)).flatMap(pathsOfTrace);
}

/** Those that went on for longest, or were not passed on, the worst first. */
export function worstOf(paths: readonly CancelPath[], count: number): CancelPath[] {
  return paths
    .filter(({ hops, wastedMs }) => wastedMs > 0 || hops.some(isBroken))
    .sort((a, b) => b.wastedMs - a.wastedMs)
    .slice(0, count);
}

/** It did not stop, or did not tell those that were at work for it. */
export function isBroken({ listens, passesOn }: PathHop): boolean {
  return listens === 'no' || passesOn === 'no';
}

function pathsOfTrace(trace: readonly ExportedSpan[]): CancelPath[] {
  const finder = new PathFinder();
  const left: [hop: Hop, asked?: Outgoing][] = firstHopsOf(trace)
    .reverse()
    .map((hop): [Hop] => [hop]);
  for (let each = left.pop(); each !== undefined; each = left.pop()) {
    finder.look(...each);
    for (const asked of each[0].outgoing.toReversed()) for (const hop of asked.next) left.push([hop, asked]);
  }
  return finder.found;
}
