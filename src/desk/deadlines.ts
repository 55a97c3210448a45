/** How far operations ended from their deadline: the cells of a heat map, by operation or async type, and by time. Pure. */
import { deadlineOf, pendingAsyncTypesOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { routeOf } from '../spans/title.ts';
import { Distribution } from './distribution.ts';
import type { StoredTrace } from './store.ts';
import { Tallies } from './tallies.ts';

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
  /** ms: one in twenty is later. */
  readonly p95Ms: number;
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

const MAX_COLUMNS = 60;
const MAX_ROWS = 50;
const MAX_TALLIES = 2_000;
const LEAST_STEP_MS = 1_000;

export function deadlinesOf(traces: readonly StoredTrace[]): Deadlines {
  const tally = new DeadlineTally(routeOf);
  for (const { spans } of traces) for (const span of spans) tally.add(span);
  return tally.table();
}

interface Row {
  readonly by: DeadlinesBy;
  readonly service: string;
  readonly name: string;
  missedCount: number;
  readonly deviation: Distribution;
  /** By the number of the column since 1970. */
  cells: Map<number, DeadlineCell>;
}

type DeadlinesBy = 'operation' | 'async type';

/** In a bounded room, whatever the time that it is about: columns get wider when they are too many. */
export class DeadlineTally {
  readonly #nameOf: (span: ExportedSpan) => string;
  readonly #rows = new Tallies(
    (by = '', service = '', name = ''): Row => ({
      ...{ by: by as DeadlinesBy, service, name, missedCount: 0 },
      ...{ deviation: new Distribution(), cells: new Map() },
    }),
    MAX_TALLIES,
  );
  #stepMs = LEAST_STEP_MS;
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  constructor(nameOf: (span: ExportedSpan) => string) {
    this.#nameOf = nameOf;
  }

  add(span: ExportedSpan): void {
    const deviationMs = deadlineOf(span)?.deviationMs;
    // A time that a stranger wrote may be without end.
    if (deviationMs === undefined || !Number.isFinite(span.endMs)) return;
    const column = this.#columnOf(span.endMs);
    const { serviceName: service, kind } = span;
    this.#addTo(this.#rows.of('operation', service, `${this.#nameOf(span)} (${kind})`), column, deviationMs);
    for (const type of pendingAsyncTypesOf(span))
      this.#addTo(this.#rows.of('async type', service, type), column, deviationMs);
  }

  table(): Deadlines {
    const isEmpty = this.#first > this.#last;
    return {
      startMs: isEmpty ? 0 : this.#first * this.#stepMs,
      stepMs: this.#stepMs,
      operations: this.#rowsBy('operation'),
      asyncTypes: this.#rowsBy('async type'),
    };
  }

  #addTo(row: Row, column: number, deviationMs: number): void {
    row.deviation.add(deviationMs);
    const missedCount = deviationMs > 0 ? 1 : 0;
    row.missedCount += missedCount;
    row.cells.set(column, both(row.cells.get(column), { count: 1, missedCount, worstMs: deviationMs }));
  }

  #rowsBy(by: DeadlinesBy): DeadlineRow[] {
    const columns = Array.from({ length: this.#last - this.#first + 1 }, (_, index) => this.#first + index);
    return this.#rows
      .all()
      .filter((row) => row.by === by)
      .sort((a, b) => b.missedCount - a.missedCount || b.deviation.count - a.deviation.count)
      .slice(0, MAX_ROWS)
      .map(({ service, name, missedCount, deviation, cells }) => ({
        ...{ service, name, missedCount, count: deviation.count },
        ...{ medianMs: deviation.quantile(0.5), p95Ms: deviation.quantile(0.95), worstMs: deviation.most },
        cells: columns.map((column) => cells.get(column) ?? null),
      }));
  }

  #columnOf(endMs: number): number {
    for (;;) {
      const column = Math.floor(endMs / this.#stepMs);
      this.#first = Math.min(this.#first, column);
      this.#last = Math.max(this.#last, column);
      if (this.#last - this.#first < MAX_COLUMNS) return column;
      this.#widen();
    }
  }

  #widen(): void {
    this.#stepMs *= 2;
    this.#first = Math.floor(this.#first / 2);
    this.#last = Math.floor(this.#last / 2);
    for (const row of this.#rows.all()) {
      const wide = new Map<number, DeadlineCell>();
      for (const [column, cell] of row.cells) {
        const to = Math.floor(column / 2);
        wide.set(to, both(wide.get(to), cell));
      }
      row.cells = wide;
    }
  }
}

function both(one: DeadlineCell | undefined, other: DeadlineCell): DeadlineCell {
  if (one === undefined) return other;
  return {
    count: one.count + other.count,
    missedCount: one.missedCount + other.missedCount,
    worstMs: Math.max(one.worstMs, other.worstMs),
  };
}
