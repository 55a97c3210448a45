/**
 * How far operations ended from their deadline: the cells of a heat map, by operation and by time; and, of those that were
 * cancelled while it was followed what they wait for, by its type. Pure.
 */
import { deadlineOf } from '../spans/cancel.ts';
import { groupBy } from '../spans/group-by.ts';
import { routeOf } from '../spans/title.ts';
import { ATTR_CANCEL_ASYNC_TYPE, EVENT_CANCEL_ASYNC } from '../telemetry/attributes.ts';
import type { StoredTrace } from './store.ts';

export interface Deadlines {
  /** Unix time in ms. */
  readonly startMs: number;
  /** Width of a column. */
  readonly stepMs: number;
  readonly operations: readonly DeadlineRow[];
  /** Their `operation` is a type of async resource, as Node calls it. */
  readonly asyncTypes: readonly DeadlineRow[];
}

export interface DeadlineRow {
  readonly service: string;
  readonly operation: string;
  readonly count: number;
  readonly missedCount: number;
  /** ms, the middle one; negative: in time. */
  readonly medianMs: number;
  readonly worstMs: number;
  /** By column. */
  readonly cells: readonly (DeadlineCell | null)[];
}

export interface DeadlineCell {
  readonly count: number;
  readonly missedCount: number;
  /** Of its operations, in ms. */
  readonly worstMs: number;
}

const COLUMNS = 60;
const MAX_ROWS = 50;

export function deadlinesOf(traces: readonly StoredTrace[]): Deadlines {
  const operations: Seen[] = [];
  const asyncTypes: Seen[] = [];
  for (const { spans } of traces) {
    for (const span of spans) {
      const deviationMs = deadlineOf(span)?.deviationMs;
      if (deviationMs === undefined) continue;
      const { serviceName: service, kind, endMs, events } = span;
      operations.push({ service, operation: `${routeOf(span)} (${kind})`, endMs, deviationMs });
      const types = events
        .filter(({ name }) => name === EVENT_CANCEL_ASYNC)
        .map(({ attributes }) => String(attributes[ATTR_CANCEL_ASYNC_TYPE]));
      for (const type of new Set(types)) asyncTypes.push({ service, operation: type, endMs, deviationMs });
    }
  }
  const startMs = operations.reduce((least, { endMs }) => Math.min(least, endMs), Number.POSITIVE_INFINITY);
  const lastMs = operations.reduce((most, { endMs }) => Math.max(most, endMs), 0);
  const stepMs = Math.max(1_000, Math.ceil((lastMs - startMs + 1) / COLUMNS));
  return {
    startMs: operations.length === 0 ? 0 : startMs,
    stepMs,
    operations: rowsOf(operations, startMs, stepMs),
    asyncTypes: rowsOf(asyncTypes, startMs, stepMs),
  };
}

interface Seen {
  readonly service: string;
  readonly operation: string;
  readonly endMs: number;
  readonly deviationMs: number;
}

function rowsOf(seen: readonly Seen[], startMs: number, stepMs: number): DeadlineRow[] {
  return [...groupBy(seen, ({ service, operation }) => `${service} ${operation}`).values()]
    .map((row) => rowOf(row, startMs, stepMs))
    .sort((a, b) => b.missedCount - a.missedCount || b.count - a.count)
    .slice(0, MAX_ROWS);
}

function rowOf(row: readonly Seen[], startMs: number, stepMs: number): DeadlineRow {
  const [{ service, operation }] = row as readonly [Seen];
  const sorted = row.map(({ deviationMs }) => deviationMs).sort((a, b) => a - b);
  const columns: Seen[][] = Array.from({ length: COLUMNS }, () => []);
  for (const each of row)
    columns[Math.min(COLUMNS - 1, Math.floor((each.endMs - startMs) / stepMs))]?.push(each);
  return {
    service,
    operation,
    count: row.length,
    missedCount: row.filter(isMissed).length,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    worstMs: sorted.at(-1) ?? 0,
    cells: columns.map((cell) =>
      cell.length === 0
        ? null
        : {
            count: cell.length,
            missedCount: cell.filter(isMissed).length,
            worstMs: cell.reduce(
              (worst, { deviationMs }) => Math.max(worst, deviationMs),
              Number.NEGATIVE_INFINITY,
            ),
          },
    ),
  };
}

function isMissed({ deviationMs }: Seen): boolean {
  return deviationMs > 0;
}
