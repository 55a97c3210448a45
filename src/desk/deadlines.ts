/** How far operations ended from their deadline: the cells of a heat map, by operation or async type, and by time. Pure. */
import { deadlineOf, pendingAsyncTypesOf } from '../spans/cancel.ts';
import { groupBy } from '../spans/group-by.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { routeOf } from '../spans/title.ts';
import type { StoredTrace } from './store.ts';

export interface Deadlines {
  /** Unix time in ms. */
  readonly startMs: number;
  /** Width of a column. */
  readonly stepMs: number;
  readonly operations: readonly DeadlineRow[];
  /** The same, by each type of what was pending at the cancel: of those that were cancelled where `trackAsync` was on. */
  readonly asyncTypes: readonly DeadlineRow[];
}

export interface DeadlineRow {
  readonly service: string;
  /** Of the operation, or the async type. */
  readonly name: string;
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
  const spans = traces.flatMap((trace) => trace.spans);
  const seen = spans.flatMap((span) => {
    const deviationMs = deadlineOf(span)?.deviationMs;
    return deviationMs === undefined ? [] : { span, endMs: span.endMs, deviationMs };
  });
  const startMs = seen.reduce((least, { endMs }) => Math.min(least, endMs), Number.POSITIVE_INFINITY);
  const lastMs = seen.reduce((most, { endMs }) => Math.max(most, endMs), 0);
  const stepMs = Math.max(1_000, Math.ceil((lastMs - startMs + 1) / COLUMNS));
  const rowsBy = (namesOf: (span: ExportedSpan) => readonly string[]): DeadlineRow[] =>
    rowsOf(
      seen.flatMap((each) =>
        namesOf(each.span).map((name) => ({ ...each, service: each.span.serviceName, name })),
      ),
      startMs,
      stepMs,
    );
  return {
    startMs: seen.length === 0 ? 0 : startMs,
    stepMs,
    operations: rowsBy((span) => [`${routeOf(span)} (${span.kind})`]),
    asyncTypes: rowsBy(pendingAsyncTypesOf),
  };
}

interface Seen {
  readonly service: string;
  readonly name: string;
  readonly endMs: number;
  readonly deviationMs: number;
}

function rowsOf(seen: readonly Seen[], startMs: number, stepMs: number): DeadlineRow[] {
  return [...groupBy(seen, ({ service, name }) => `${service} ${name}`).values()]
    .map((row) => rowOf(row, startMs, stepMs))
    .sort((a, b) => b.missedCount - a.missedCount || b.count - a.count)
    .slice(0, MAX_ROWS);
}

function rowOf(row: readonly Seen[], startMs: number, stepMs: number): DeadlineRow {
  const [{ service, name }] = row as readonly [Seen];
  const sorted = row.map(({ deviationMs }) => deviationMs).sort((a, b) => a - b);
  const columns: Seen[][] = Array.from({ length: COLUMNS }, () => []);
  for (const each of row)
    columns[Math.min(COLUMNS - 1, Math.floor((each.endMs - startMs) / stepMs))]?.push(each);
  return {
    service,
    name,
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
