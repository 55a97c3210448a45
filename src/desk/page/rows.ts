/** The spans of a trace in the order of its waterfall, with what is drawn of each. Pure. */
import { type Cancel, cancelOf, type Deadline, deadlineOf } from '../../spans/cancel.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { type Placed, treeOf } from '../../spans/tree.ts';

export interface Row extends Placed {
  readonly cancel: Cancel | undefined;
  readonly deadline: Deadline | undefined;
  /** Unix time in ms: when what it is for was cancelled, the nearest of its ancestors that was. */
  readonly ownerCancelMs: number | undefined;
}

export function rowsOf(spans: readonly ExportedSpan[]): Row[] {
  /** By depth: of the span that is above at that moment, or of what that is for. */
  const cancelMsAt: (number | undefined)[] = [];
  return treeOf(spans).map((placed) => {
    const { span, depth } = placed;
    const cancel = cancelOf(span);
    const ownerCancelMs = depth === 0 ? undefined : cancelMsAt[depth - 1];
    cancelMsAt[depth] = cancel?.atMs ?? ownerCancelMs;
    return { ...placed, cancel, deadline: deadlineOf(span), ownerCancelMs };
  });
}
