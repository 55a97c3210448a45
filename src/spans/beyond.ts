/**
 * In what the time was spent that incoming operations went beyond their deadline, or, where none had passed, beyond their
 * cancel: by the async resources that were pending, where `trackAsync` was on, and by the spans of what they had asked for. Pure.
 */
import {
  ATTR_CANCEL_ASYNC_DEPTH,
  ATTR_CANCEL_ASYNC_TYPE,
  ATTR_CANCEL_ASYNC_WASTED_MS,
  EVENT_CANCEL_ASYNC,
  SPAN_WORK_AFTER_CANCEL,
  SPAN_WORK_GOES_ON,
  spentOnBy,
} from '../telemetry/attributes.ts';
import { cancelOf, deadlineOf } from './cancel.ts';
import type { ExportedSpan } from './span.ts';
import { type Family, familyOf } from './tree.ts';

export interface Beyond {
  readonly service: string;
  readonly toldBy: 'async' | 'spans';
  /** Node's name of an async type; or `db`, `http`, `rpc`, `messaging`, `other`, `no span`. */
  readonly type: string;
  readonly beyondMs: number;
  /**
   * Functions of the application from the handler to where the resource was made; spans from the operation to that of the
   * work, and 0 for what has none. Undefined: not known.
   */
  readonly depth: number | undefined;
}

/** What took time in an operation, but made no span: it computed, or waited for what nobody instruments. */
export const NO_SPAN = 'no span';
/** Less is what clocks and callbacks take. */
const LEAST_MS = 1;

/** Of each operation one for each async type, one for each span of work, and one for what has no span. */
export function beyondIn(trace: readonly ExportedSpan[]): Beyond[] {
  const over = trace.filter(isOver);
  if (over.length === 0) return [];
  const family = familyOf(trace);
  return over.flatMap((operation) => [...byAsyncResources(operation, family), ...bySpans(operation, family)]);
}

function isOver({ kind, attributes, ...span }: ExportedSpan): boolean {
  return (kind === 'server' || kind === 'consumer') && cancelOf({ kind, attributes, ...span }) !== undefined;
}

function workAfter({ spanId }: ExportedSpan, { children }: Family): ExportedSpan | undefined {
  return children.get(spanId)?.find(({ name }) => name === SPAN_WORK_AFTER_CANCEL);
}

/** From the deadline to the cancel, in ms. */
function missedByMs(operation: ExportedSpan): number {
  return Math.max(deadlineOf(operation)?.deviationMs ?? 0, 0);
}

function byAsyncResources(operation: ExportedSpan, family: Family): Beyond[] {
  const types = new Map<string, { beyondMs: number; depth: number | undefined }>();
  for (const { type, depth } of asyncTypesOn(operation))
    types.set(type, { beyondMs: missedByMs(operation), depth });
  const work = workAfter(operation, family);
  for (const { type, depth, wastedMs } of work === undefined ? [] : asyncTypesOn(work)) {
    const before = types.get(type);
    types.set(type, { beyondMs: (before?.beyondMs ?? 0) + wastedMs, depth: before?.depth ?? depth });
  }
  const { serviceName: service } = operation;
  return [...types].map(([type, spent]) => ({ service, toldBy: 'async', type, ...spent }));
}

function asyncTypesOn({ events }: ExportedSpan) {
  return events
    .filter(({ name }) => name === EVENT_CANCEL_ASYNC)
    .map(({ attributes }) => {
      const [depth, wastedMs] = [ATTR_CANCEL_ASYNC_DEPTH, ATTR_CANCEL_ASYNC_WASTED_MS].map((key) => {
        const value = attributes[key];
        return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
      });
      return { type: String(attributes[ATTR_CANCEL_ASYNC_TYPE]), depth, wastedMs: wastedMs ?? 0 };
    });
}

function bySpans(operation: ExportedSpan, family: Family): Beyond[] {
  const atMs = cancelOf(operation)?.atMs ?? operation.endMs;
  const limitMs = atMs - missedByMs(operation);
  const endMs = workAfter(operation, family)?.endMs ?? atMs;
  const { serviceName: service } = operation;
  const found: Beyond[] = [];
  const stretches: [fromMs: number, toMs: number][] = [];
  for (const { span, depth } of outgoingBelow(operation, family)) {
    const fromMs = Math.max(span.startMs, limitMs);
    const beyondMs = span.endMs - fromMs;
    // A time that a stranger wrote may be without end.
    if (!(beyondMs > 0) || !Number.isFinite(beyondMs)) continue;
    found.push({ service, toldBy: 'spans', type: kindOfWork(span), beyondMs, depth });
    stretches.push([fromMs, Math.min(span.endMs, endMs)]);
  }
  const restMs = endMs - limitMs - unionOf(stretches);
  if (restMs >= LEAST_MS && Number.isFinite(restMs))
    found.push({ service, toldBy: 'spans', type: NO_SPAN, beyondMs: restMs, depth: 0 });
  return found;
}

/** What is inside of one that went out counts with that one. */
function outgoingBelow(
  operation: ExportedSpan,
  { children }: Family,
): { readonly span: ExportedSpan; readonly depth: number }[] {
  const outgoing: { span: ExportedSpan; depth: number }[] = [];
  const seen = new Set([operation]);
  const left = [{ span: operation, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    for (const span of children.get(next.span.spanId) ?? []) {
      if (seen.has(span) || span.serviceName !== operation.serviceName) continue;
      seen.add(span);
      const placed = { span, depth: next.depth + 1 };
      if (span.kind === 'client' || span.kind === 'producer') outgoing.push(placed);
      else if (span.kind === 'internal' && !isOurs(span)) left.push(placed);
    }
  }
  return outgoing;
}

function isOurs({ name }: ExportedSpan): boolean {
  return name === SPAN_WORK_AFTER_CANCEL || name === SPAN_WORK_GOES_ON;
}

function kindOfWork({ kind, attributes }: ExportedSpan): string {
  return spentOnBy(attributes) ?? (kind === 'producer' ? 'messaging' : 'other');
}

function unionOf(stretches: readonly (readonly [fromMs: number, toMs: number])[]): number {
  let totalMs = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const [fromMs, toMs] of stretches.toSorted(([a], [b]) => a - b)) {
    totalMs += Math.max(toMs - Math.max(fromMs, lastMs), 0);
    lastMs = Math.max(lastMs, toMs);
  }
  return totalMs;
}
