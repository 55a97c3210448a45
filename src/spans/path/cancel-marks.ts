/** What a span itself says of a cancel: that it was cancelled, when, how, and what is found fault with. */
import { cancelOf, findingsOn } from '../cancel.ts';
import type { ExportedSpan } from '../span.ts';
/** What happens within this time happens at once: what the rules take for stopped when told. */
export const AT_ONCE_MS = 20;

export interface CancelMark {
  readonly span: ExportedSpan;
  /** Unix time in ms, by the clock of the span's process. */
  readonly atMs: number;
  /** `local`, `peer` or `inherited`. */
  readonly initiator: string;
  readonly trigger: string;
}

/** @returns undefined: it was not cancelled */
export function cancelMarkOf(span: ExportedSpan): CancelMark | undefined {
  const cancel = cancelOf(span);
  if (cancel === undefined) return undefined;
  const { atMs, initiator = '', trigger = '' } = cancel;
  return { span, atMs, initiator, trigger };
}

/** @returns its detail; undefined where the rule did not fire */
export function findingOf(span: ExportedSpan, rule: string): string | undefined {
  return findingsOn(span).find((finding) => finding.rule === rule)?.detail;
}
