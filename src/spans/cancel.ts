/** What a span says of how it was cancelled, by the names of docs/telemetry.md. Pure. */
import {
  ATTR_CANCEL_ASYNC_TYPE,
  ATTR_CANCEL_FINDING_DETAIL,
  ATTR_CANCEL_FINDING_RULE,
  ATTR_CANCEL_INITIATOR,
  ATTR_CANCEL_ORIGIN,
  ATTR_CANCEL_PHASE,
  ATTR_CANCEL_REASON,
  ATTR_CANCEL_STACKTRACE,
  ATTR_CANCEL_TRIGGER,
  ATTR_CANCEL_WASTED_MS,
  ATTR_CONTEXT_CANCELED,
  ATTR_DEADLINE_DEVIATION_MS,
  ATTR_DEADLINE_EXCEEDED,
  ATTR_DEADLINE_TIMEOUT_MS,
  EVENT_CANCEL_ASYNC,
  EVENT_CANCEL_FINDING,
} from '../telemetry/attributes.ts';
import type { Attributes, ExportedSpan } from './span.ts';

export type Outcome = 'canceled' | 'deadline_exceeded';

export interface Cancel {
  readonly outcome: Outcome;
  readonly initiator: string | undefined;
  readonly trigger: string | undefined;
  readonly phase: string | undefined;
  readonly reason: string | undefined;
  readonly origin: string | undefined;
  readonly stack: string | undefined;
  /** Unix time in ms: of its event, or else the end of the span. */
  readonly atMs: number;
}

/** @returns undefined: it was not cancelled */
export function cancelOf({ attributes, events, endMs }: ExportedSpan): Cancel | undefined {
  const mark = markOf(attributes);
  if (mark === undefined) return undefined;
  const said = (key: string): string | undefined => {
    const value = attributes[key];
    return value === undefined ? undefined : String(value);
  };
  return {
    outcome: mark === ATTR_DEADLINE_EXCEEDED ? 'deadline_exceeded' : 'canceled',
    initiator: said(ATTR_CANCEL_INITIATOR),
    trigger: said(ATTR_CANCEL_TRIGGER),
    phase: said(ATTR_CANCEL_PHASE),
    reason: said(ATTR_CANCEL_REASON),
    origin: said(ATTR_CANCEL_ORIGIN),
    stack: said(ATTR_CANCEL_STACKTRACE),
    atMs: events.find(({ name }) => name === mark)?.timeMs ?? endMs,
  };
}

export function isCancelled({ attributes }: ExportedSpan): boolean {
  return markOf(attributes) !== undefined;
}

/** The name of its event, too. */
function markOf(attributes: Attributes): string | undefined {
  if (attributes[ATTR_DEADLINE_EXCEEDED] === true) return ATTR_DEADLINE_EXCEEDED;
  return attributes[ATTR_CONTEXT_CANCELED] === true ? ATTR_CONTEXT_CANCELED : undefined;
}

/** How long its handler went on, in ms. */
export function wastedMsOf({ attributes }: ExportedSpan): number {
  return numberOf(attributes[ATTR_CANCEL_WASTED_MS]) ?? 0;
}

export interface Deadline {
  /** Time that was left when it started, in ms. */
  readonly timeoutMs: number;
  /** End minus deadline, in ms: negative, it was in time. */
  readonly deviationMs: number | undefined;
}

export function deadlineOf({ attributes }: ExportedSpan): Deadline | undefined {
  const timeoutMs = numberOf(attributes[ATTR_DEADLINE_TIMEOUT_MS]);
  if (timeoutMs === undefined) return undefined;
  return { timeoutMs, deviationMs: numberOf(attributes[ATTR_DEADLINE_DEVIATION_MS]) };
}

/** Types of the async resources that were pending at the cancel, where `trackAsync` was on. */
export function pendingAsyncTypesOf({ events }: ExportedSpan): string[] {
  const pending = events.filter(({ name }) => name === EVENT_CANCEL_ASYNC);
  return [...new Set(pending.map(({ attributes }) => String(attributes[ATTR_CANCEL_ASYNC_TYPE])))];
}

export interface ToldFinding {
  readonly rule: string;
  readonly detail: string;
}

/** Those that the instrumentation told. */
export function findingsOn({ events }: ExportedSpan): ToldFinding[] {
  return events
    .filter(({ name }) => name === EVENT_CANCEL_FINDING)
    .map(({ attributes }) => ({
      rule: String(attributes[ATTR_CANCEL_FINDING_RULE]),
      detail: String(attributes[ATTR_CANCEL_FINDING_DETAIL] ?? ''),
    }));
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
