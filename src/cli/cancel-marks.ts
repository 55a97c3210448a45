/** What a span itself says of a cancel: that it was cancelled, when, how, and what is found fault with. */
import type { ExportedSpan } from '../spans/span.ts';
import {
  ATTR_CANCEL_FINDING_DETAIL,
  ATTR_CANCEL_FINDING_RULE,
  ATTR_CANCEL_INITIATOR,
  ATTR_CANCEL_TRIGGER,
  ATTR_CONTEXT_CANCELED,
  ATTR_DEADLINE_EXCEEDED,
  EVENT_CANCEL_FINDING,
} from '../telemetry/attributes.ts';

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
  const { attributes, events, endMs } = span;
  const outcome = [ATTR_CONTEXT_CANCELED, ATTR_DEADLINE_EXCEEDED].find((key) => attributes[key] === true);
  if (outcome === undefined) return undefined;
  return {
    span,
    atMs: events.find(({ name }) => name === outcome)?.timeMs ?? endMs,
    initiator: String(attributes[ATTR_CANCEL_INITIATOR]),
    trigger: String(attributes[ATTR_CANCEL_TRIGGER]),
  };
}

/** @returns its detail; undefined where the rule did not fire */
export function findingOf({ events }: ExportedSpan, rule: string): string | undefined {
  const event = events.find(
    ({ name, attributes }) => name === EVENT_CANCEL_FINDING && attributes[ATTR_CANCEL_FINDING_RULE] === rule,
  );
  return event && String(event.attributes[ATTR_CANCEL_FINDING_DETAIL] ?? '');
}
