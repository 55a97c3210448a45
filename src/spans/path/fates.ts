/** What became of the operations on other systems that were made for a hop, when that was cancelled: as far as spans say so. Pure. */
import type { ExportedSpan } from '../span.ts';
import { AT_ONCE_MS, type CancelMark, cancelMarkOf, findingOf } from './cancel-marks.ts';
import type { Hop, Outgoing } from './hops.ts';

/** What drivers and servers say of a query that was stopped. */
const STOPPED = /cancel|abort|interrupt|kill/i;

/** What became of an operation on another system, when the hop that it was for was cancelled. */
export interface Fate {
  readonly outgoing: Outgoing;
  /** `late`: it was started after the cancel; `unsaid`: it ran on, and nothing says whether it was to. */
  readonly is: 'told' | 'untold' | 'late' | 'unsaid';
  /** When it was told, where it says so itself. */
  readonly mark?: CancelMark | undefined;
  /** It ended with an error that says that it was stopped. */
  readonly stopped?: ExportedSpan | undefined;
  readonly evidence: readonly string[];
}

/**
 * @param atMs when the hop that it is for was cancelled, by the same clock; undefined: it was not
 * @returns undefined: the cancel was not about it, or nobody can say what became of it
 */
export function fateOf(outgoing: Outgoing, atMs: number | undefined): Fate | undefined {
  const { spans, next } = outgoing;
  const found = (rule: string): string[] =>
    spans.flatMap((span) => {
      const detail = findingOf(span, rule);
      return detail === undefined ? [] : [`${rule}: ${detail}`];
    });
  if (atMs !== undefined) {
    const late = found('late_operation');
    if (late.length > 0) return { outgoing, is: 'late', evidence: late };
    const ranOn = found('cancel_not_propagated');
    if (ranOn.length > 0) return { outgoing, is: 'untold', evidence: ranOn };
  }
  const mark = spans
    .flatMap((span) => cancelMarkOf(span) ?? [])
    .find(({ initiator }) => initiator !== 'peer');
  if (mark !== undefined) {
    if (atMs !== undefined && !isOf(mark, atMs)) return undefined;
    const unsent = found('cancel_not_sent');
    return { outgoing, is: unsent.length > 0 ? 'untold' : 'told', mark, evidence: unsent };
  }
  if (atMs === undefined) return undefined;
  const stopped = spans.find(
    ({ status, startMs, endMs }) =>
      status.code === 'error' && STOPPED.test(status.message) && startMs <= atMs && atMs <= endMs,
  );
  if (stopped !== undefined) return { outgoing, is: 'told', stopped, evidence: [stopped.status.message] };
  if (next.some(wasToldByPeer)) return { outgoing, is: 'told', evidence: [] };
  const ranOn = spans.some(({ startMs, endMs }) => startMs <= atMs && endMs > atMs + AT_ONCE_MS);
  return ranOn && !spans.some(cancelMarkOf) ? { outgoing, is: 'unsaid', evidence: [] } : undefined;
}

/** Whether an operation was cancelled because its hop was: neither before, nor later by a limit of its own. */
function isOf(mark: CancelMark, atMs: number): boolean {
  const sinceMs = mark.atMs - atMs;
  return sinceMs >= -AT_ONCE_MS && (sinceMs <= AT_ONCE_MS || mark.initiator === 'inherited');
}

export function wasToldByPeer({ first }: Hop): boolean {
  return cancelMarkOf(first)?.initiator === 'peer';
}

/**
 * Of a hop without a mark: for how long at least it went on after whoever asked it had left. It cannot have begun before it was
 * asked, which holds whatever its clock says. Undefined: it may have been over.
 */
export function wentOnMs({ first }: Hop, { outgoing, mark }: Fate): number | undefined {
  const [outermost] = outgoing.spans;
  if (mark === undefined || outermost === undefined) return undefined;
  const wentOn = first.endMs - first.startMs - (mark.atMs - outermost.startMs);
  return wentOn > AT_ONCE_MS ? wentOn : undefined;
}
