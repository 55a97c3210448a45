/**
 * The spans of a trace as hops: what each process did for one incoming operation, and what it asked others to do for it. Pure.
 * Whatever is wrong with a trace (spans that are missing, several roots, a loop), each of its spans is in one hop.
 */
import type { ExportedSpan } from '../span.ts';
import { type Family, familyOf } from '../tree.ts';

export interface Hop {
  /** The first span of the hop: of its incoming operation, or of whatever began the trace. */
  readonly first: ExportedSpan;
  /** False: it began the trace, or what asked for it has no span here. */
  readonly isIncoming: boolean;
  /** In the order of their starts. */
  readonly outgoing: readonly Outgoing[];
  /** Other spans of it. */
  readonly internal: readonly ExportedSpan[];
}

/** An operation on another system. What is inside of it, an HTTP request of a search engine's client, is part of it. */
export interface Outgoing {
  /** The outermost first; none where it is known by the span of who got it only. */
  readonly spans: readonly ExportedSpan[];
  /** INTERNAL ones inside of it. */
  readonly internal: readonly ExportedSpan[];
  /** Those who got it, as far as they have spans. */
  readonly next: readonly Hop[];
}

/** @returns those that no other hop of the trace has asked for, in the order of their starts */
export function firstHopsOf(trace: readonly ExportedSpan[]): Hop[] {
  const { spans, roots, children } = familyOf(trace);
  const building = new Building(children);
  const hops = roots.map((root) => building.hopOf(root));
  // What is left is a loop, and what hangs on it: the first of it is taken for its root.
  for (const span of spans) {
    if (!building.seen.has(span)) hops.push(building.hopOf(span));
  }
  return hops;
}

interface UnfilledHop extends Hop {
  readonly outgoing: Outgoing[];
  readonly internal: ExportedSpan[];
}

/** Without recursion, since a trace may go round and round: each hop is filled when those before it are. */
class Building {
  readonly seen = new Set<ExportedSpan>();
  readonly #unfilled: UnfilledHop[] = [];
  readonly #children: Family['children'];

  constructor(children: Family['children']) {
    this.#children = children;
  }

  /** Of a hop that nobody has asked for, with all that follow from it. */
  hopOf(first: ExportedSpan): Hop {
    const hop = this.#empty(first);
    for (let next = this.#unfilled.pop(); next !== undefined; next = this.#unfilled.pop()) this.#fill(next);
    return hop;
  }

  #empty(first: ExportedSpan): Hop {
    this.seen.add(first);
    const hop = { first, isIncoming: isEntry(first), outgoing: [], internal: [] };
    this.#unfilled.push(hop);
    return hop;
  }

  #fill({ first, outgoing, internal }: UnfilledHop): void {
    if (isExit(first)) {
      outgoing.push(this.#outgoing(first));
      return;
    }
    for (const span of this.#below(first, (inside) => !isEntry(inside) && !isExit(inside))) {
      if (isExit(span)) outgoing.push(this.#outgoing(span));
      else if (isEntry(span)) outgoing.push({ spans: [], internal: [], next: [this.#empty(span)] });
      else internal.push(span);
    }
    outgoing.sort((a, b) => startOf(a) - startOf(b));
  }

  #outgoing(outermost: ExportedSpan): Outgoing {
    const spans = [outermost];
    const internal: ExportedSpan[] = [];
    const next: Hop[] = [];
    for (const span of this.#below(outermost, (inside) => !isEntry(inside))) {
      if (isEntry(span)) next.push(this.#empty(span));
      else if (isExit(span)) spans.push(span);
      else internal.push(span);
    }
    return { spans, internal, next };
  }

  /** Spans below one, and of those that `isOpen` says so of what is below them. */
  #below(top: ExportedSpan, isOpen: (span: ExportedSpan) => boolean): ExportedSpan[] {
    const found: ExportedSpan[] = [];
    const left = [top];
    for (let span = left.pop(); span !== undefined; span = left.pop()) {
      for (const child of this.#children.get(span.spanId) ?? []) {
        if (this.seen.has(child)) continue;
        this.seen.add(child);
        found.push(child);
        if (isOpen(child)) left.push(child);
      }
    }
    return found;
  }
}

function isEntry({ kind }: ExportedSpan): boolean {
  return kind === 'server' || kind === 'consumer';
}

function isExit({ kind }: ExportedSpan): boolean {
  return kind === 'client' || kind === 'producer';
}

function startOf({ spans: [outermost], next: [got] }: Outgoing): number {
  return (outermost ?? got?.first)?.startMs ?? 0;
}
