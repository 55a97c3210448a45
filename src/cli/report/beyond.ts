/** The time beyond deadlines, as tables: by what it was spent in, and by how long or how deep. Pure. */
import type { BeyondCell, BeyondRow } from '../../desk/beyond.ts';
import { depthTitle, durationTitle, shortMs } from '../../desk/beyond-columns.ts';
import { drawTable } from '../table.ts';
import { formatMs, plain } from '../text.ts';
import type { Report } from './summary.ts';
import type { Table } from './tables.ts';

export const BEYOND_TITLE = 'Time beyond the deadline';
export const BEYOND_EXPLAINED =
  'How often and how long, since the deadline or, if none had passed, the cancel.';

/** One map: whose rows, and by which columns. */
export interface BeyondMap {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly (BeyondCell | null)[] }[];
  /** How many rows are not in it. */
  readonly more: number;
}

/** Those that have anything, without columns that have nothing. */
export function beyondMaps({ beyond }: Report, max: number): BeyondMap[] {
  const maps = (what: string, rows: readonly BeyondRow[]): BeyondMap[] =>
    rows.length === 0
      ? []
      : [
          mapOf(`${what}, by how long`, beyond.durations.map(durationTitle), rows, max, 'byDuration'),
          mapOf(`${what}, by depth`, beyond.depths.map(depthTitle), rows, max, 'byDepth'),
        ];
  return [...maps('async resources', beyond.asyncTypes), ...maps('spans', beyond.spans)];
}

function mapOf(
  title: string,
  titles: readonly string[],
  all: readonly BeyondRow[],
  max: number,
  by: 'byDuration' | 'byDepth',
): BeyondMap {
  const shown = all.slice(0, max);
  const filled = titles.map((_, column) => shown.some((row) => row[by][column] != null));
  return {
    title,
    columns: titles.filter((_, column) => filled[column]),
    rows: shown.map((row) => ({
      name: `${row.service} ${row.type}`,
      cells: row[by].filter((_, column) => filled[column]),
    })),
    more: all.length - shown.length,
  };
}

/** 1 to `steps`, by its share of the most in one cell. */
export function heatOf({ totalMs }: BeyondCell, { rows }: BeyondMap, steps: number): number {
  const mostMs = Math.max(...rows.flatMap(({ cells }) => cells.map((cell) => cell?.totalMs ?? 0)));
  return mostMs === 0 ? 1 : Math.max(1, Math.ceil((steps * totalMs) / mostMs));
}

export function beyondTable(map: BeyondMap): Table {
  return {
    columns: [{ name: map.title, isNumber: false }, ...map.columns.map((name) => ({ name, isNumber: true }))],
    rows: map.rows.map(({ name, cells }) => [
      name,
      ...cells.map((cell) => (cell === null ? '' : textOf(cell))),
    ]),
    more: map.more,
  };
}

export function textOf({ count, totalMs }: BeyondCell): string {
  return `${count}× ${formatMs(totalMs)}`;
}

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LINE = 80;
const LEAST_NAME = 12;

/** @param hasBlocks whether the terminal can show them. @returns lines of at most 80 characters, each with its line break */
export function drawBeyond(map: BeyondMap, hasBlocks: boolean): string {
  const cells = map.rows.map((row) =>
    row.cells.map((cell) => {
      if (cell === null) return '';
      const block = hasBlocks ? `${BLOCKS[heatOf(cell, map, BLOCKS.length) - 1]} ` : '';
      return `${block}${shortCount(cell.count)} ${shortMs(cell.totalMs)}`;
    }),
  );
  const widths = map.columns.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const room = Math.max(LEAST_NAME, LINE - 2 - widths.reduce((sum, width) => sum + width + 2, 0));
  const rows = map.rows.map(({ name }, index) => [cut(plain(name), room), ...(cells[index] ?? [])]);
  const table = drawTable([cut(map.title, room), ...map.columns], rows, map.columns);
  return map.more > 0 ? `${table}  … and ${map.more} more\n` : table;
}

function shortCount(count: number): string {
  return count < 10_000 ? String(count) : `${Math.round(count / 1_000)}k`;
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
