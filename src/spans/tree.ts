/** The spans of a trace in the order of a tree, parents before children. Pure. */
import { groupBy } from './group-by.ts';
import type { ExportedSpan } from './span.ts';

export interface Family {
  /** Each span once, in the order of their starts. */
  readonly spans: readonly ExportedSpan[];
  /** Those whose parent is not here. */
  readonly roots: readonly ExportedSpan[];
  /** By the id of the parent, in the order of their starts. */
  readonly children: ReadonlyMap<string | undefined, readonly ExportedSpan[]>;
}

export function familyOf(trace: readonly ExportedSpan[]): Family {
  const bySpanId = new Map(trace.map((span) => [span.spanId, span]));
  const spans = [...bySpanId.values()].sort((a, b) => a.startMs - b.startMs);
  const children = groupBy(spans, ({ parentSpanId = '' }) =>
    bySpanId.has(parentSpanId) ? parentSpanId : undefined,
  );
  return { spans, roots: children.get(undefined) ?? [], children };
}

export interface Placed {
  readonly span: ExportedSpan;
  /** 0: a root, or one whose parent is not here. */
  readonly depth: number;
  /** Of those with its parent the last. */
  readonly isLast: boolean;
  readonly hasChildren: boolean;
}

/** In order of their start. One that is its own ancestor is there once. Without recursion: a trace may be very deep. */
export function treeOf(trace: readonly ExportedSpan[]): Placed[] {
  const { spans, roots, children } = familyOf(trace);
  const placed: Placed[] = [];
  const seen = new Set<ExportedSpan>();
  const place = (siblings: readonly ExportedSpan[]): void => {
    const left = toPlace(siblings, 0);
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { span, depth, isLast } = next;
      if (seen.has(span)) continue;
      seen.add(span);
      const below = children.get(span.spanId) ?? [];
      placed.push({ span, depth, isLast, hasChildren: below.length > 0 });
      for (const child of toPlace(below, depth + 1)) left.push(child);
    }
  };
  place(roots);
  // What is left is a loop, and what hangs on it.
  for (const span of spans) if (!seen.has(span)) place([span]);
  return placed;
}

/** The first of them last, since that is taken next. */
function toPlace(siblings: readonly ExportedSpan[], depth: number): Omit<Placed, 'hasChildren'>[] {
  return siblings.map((span) => ({ span, depth, isLast: span === siblings.at(-1) })).reverse();
}
