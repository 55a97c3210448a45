/** The time beyond deadlines and cancels as cells of heat maps: by what it was spent in, and by how long or how deep. Pure. */
import { type Beyond, beyondIn } from '../spans/beyond.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { DEPTH_NAMES, DURATION_NAMES, depthOf, durationOf } from './beyond-columns.ts';
import type { StoredTrace } from './store.ts';
import { Tallies } from './tallies.ts';

export interface BeyondMaps {
  readonly durations: readonly string[];
  readonly depths: readonly string[];
  /** Where `trackAsync` was on: the time of several types may be the same. That with the most time first. */
  readonly asyncTypes: readonly BeyondRow[];
  readonly spans: readonly BeyondRow[];
}

export interface BeyondRow {
  readonly service: string;
  readonly type: string;
  /** How often. */
  readonly count: number;
  readonly totalMs: number;
  readonly worstMs: number;
  /** By `durations`. */
  readonly byDuration: readonly (BeyondCell | null)[];
  /** By `depths`. */
  readonly byDepth: readonly (BeyondCell | null)[];
}

export interface BeyondCell {
  readonly count: number;
  readonly totalMs: number;
}

const MAX_ROWS = 50;
const MAX_TALLIES = 2_000;

interface Row {
  readonly toldBy: string;
  readonly service: string;
  readonly type: string;
  worstMs: number;
  readonly durations: Map<string, BeyondCell>;
  readonly depths: Map<string, BeyondCell>;
}

export class BeyondTally {
  readonly #rows = new Tallies(
    (toldBy = '', service = '', type = ''): Row => ({
      ...{ toldBy, service, type, worstMs: 0, durations: new Map(), depths: new Map() },
    }),
    MAX_TALLIES,
  );

  add(trace: readonly ExportedSpan[]): void {
    this.addAll(beyondIn(trace));
  }

  addAll(all: readonly Beyond[]): void {
    for (const beyond of all) {
      const { toldBy, service, type, beyondMs } = beyond;
      const row = this.#rows.of(toldBy, service, type);
      row.worstMs = Math.max(row.worstMs, beyondMs);
      addTo(row.durations, durationOf(beyond), beyondMs);
      addTo(row.depths, depthOf(beyond), beyondMs);
    }
  }

  maps(): BeyondMaps {
    return {
      durations: DURATION_NAMES,
      depths: DEPTH_NAMES,
      asyncTypes: this.#rowsToldBy('async'),
      spans: this.#rowsToldBy('spans'),
    };
  }

  #rowsToldBy(toldBy: Beyond['toldBy']): BeyondRow[] {
    return this.#rows
      .all()
      .filter((row) => row.toldBy === toldBy)
      .map(({ service, type, worstMs, durations, depths }) => ({
        ...{ service, type, worstMs },
        count: [...durations.values()].reduce((sum, { count }) => sum + count, 0),
        totalMs: [...durations.values()].reduce((sum, { totalMs }) => sum + totalMs, 0),
        byDuration: DURATION_NAMES.map((name) => durations.get(name) ?? null),
        byDepth: DEPTH_NAMES.map((name) => depths.get(name) ?? null),
      }))
      .sort((a, b) => b.totalMs - a.totalMs || b.count - a.count)
      .slice(0, MAX_ROWS);
  }
}

function addTo(cells: Map<string, BeyondCell>, name: string, beyondMs: number): void {
  const { count, totalMs } = cells.get(name) ?? { count: 0, totalMs: 0 };
  cells.set(name, { count: count + 1, totalMs: totalMs + beyondMs });
}

const known = new WeakMap<StoredTrace, Beyond[]>();

export function beyondOf(trace: StoredTrace): Beyond[] {
  const before = known.get(trace);
  if (before !== undefined) return before;
  const made = beyondIn(trace.spans);
  known.set(trace, made);
  return made;
}

export function beyondMapsOf(traces: readonly StoredTrace[]): BeyondMaps {
  const tally = new BeyondTally();
  for (const trace of traces) tally.addAll(beyondOf(trace));
  return tally.maps();
}
