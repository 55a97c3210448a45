/** Every line of code that cancelled, with what is known of it. Pure. */
import { cancelOf } from '../spans/cancel.ts';
import { routeOf } from '../spans/title.ts';
import type { StoredTrace } from './store.ts';

export interface Line {
  /** `function (file:line:column)`, or empty: cancels that no line of this side began. */
  readonly origin: string;
  readonly count: number;
  /** Of these, missed limits. */
  readonly deadlineExceededCount: number;
  readonly traceCount: number;
  /** Unix time in ms. */
  readonly lastMs: number;
  readonly services: readonly string[];
  readonly operations: readonly string[];
  /** The most frequent ones. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

const MAX_REASONS = 5;
const MAX_OPERATIONS = 5;

/** The line that cancels most first. */
export function linesOf(traces: readonly StoredTrace[], sinceMs = 0): Line[] {
  const byOrigin = new Map<string, Tally>();
  for (const { traceId, spans } of traces) {
    for (const span of spans) {
      const cancel = cancelOf(span);
      if (cancel?.origin === undefined || cancel.atMs < sinceMs) continue;
      const tally = byOrigin.get(cancel.origin) ?? newTally();
      byOrigin.set(cancel.origin, tally);
      tally.count++;
      if (cancel.outcome === 'deadline_exceeded') tally.deadlineExceededCount++;
      tally.traceIds.add(traceId);
      tally.lastMs = Math.max(tally.lastMs, cancel.atMs);
      tally.services.add(span.serviceName);
      increase(tally.operations, routeOf(span));
      if (cancel.reason !== undefined) increase(tally.reasons, cancel.reason);
    }
  }
  return [...byOrigin].map(([origin, tally]) => lineOf(origin, tally)).sort((a, b) => b.count - a.count);
}

interface Tally {
  count: number;
  deadlineExceededCount: number;
  lastMs: number;
  readonly traceIds: Set<string>;
  readonly services: Set<string>;
  readonly operations: Map<string, number>;
  readonly reasons: Map<string, number>;
}

function newTally(): Tally {
  return {
    ...{ count: 0, deadlineExceededCount: 0, lastMs: 0 },
    ...{ traceIds: new Set(), services: new Set(), operations: new Map(), reasons: new Map() },
  };
}

function lineOf(origin: string, tally: Tally): Line {
  const { count, deadlineExceededCount, lastMs, traceIds, services, operations, reasons } = tally;
  return {
    ...{ origin, count, deadlineExceededCount, lastMs, traceCount: traceIds.size },
    services: [...services].sort(),
    operations: mostOf(operations, MAX_OPERATIONS).map(([operation]) => operation),
    reasons: mostOf(reasons, MAX_REASONS).map(([reason, times]) => ({ reason, count: times })),
  };
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function mostOf(counts: ReadonlyMap<string, number>, max: number): [string, number][] {
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, max);
}
