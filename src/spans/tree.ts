/** The spans of a trace in the order of a tree, parents before children. Pure. */
import type { ExportedSpan } from './span.ts';

export interface Placed {
  readonly span: ExportedSpan;
  /** 0: a root, or one whose parent is not here. */
  readonly depth: number;
  /** Of those with its parent the last. */
  readonly isLast: boolean;
  readonly hasChildren: boolean;
}

/** In order of their start. One that is its own ancestor is there once. */
export function treeOf(spans: readonly ExportedSpan[]): Placed[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string | undefined, ExportedSpan[]>();
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const parent = known.has(span.parentSpanId ?? '') ? span.parentSpanId : undefined;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  const placed: Placed[] = [];
  const seen = new Set<ExportedSpan>();
  const place = (span: ExportedSpan, depth: number, isLast: boolean): void => {
    if (seen.has(span)) return;
    seen.add(span);
    const below = children.get(span.spanId) ?? [];
    placed.push({ span, depth, isLast, hasChildren: below.length > 0 });
    for (const child of below) place(child, depth + 1, child === below.at(-1));
  };
  const roots = children.get(undefined) ?? [];
  for (const root of roots) place(root, 0, root === roots.at(-1));
  for (const span of spans) place(span, 0, true);
  return placed;
}
