/** The path of a cancel as a table: a row for each hop, below the one that told it. Pure. */
import { type Answer, type CancelPath, isBroken, type PathHop } from '../spans/path/cancel-path.ts';
import { titleOf } from '../spans/title.ts';
import { railOf } from './rails.ts';
import { plain, relativeTo } from './text.ts';

const TITLES = ['', 'told', 'after', 'listens', 'passes on', 'wasted'];
/** More than this nobody reads. */
const MAX_ROWS = 50;
const SIGNS: Readonly<Record<Answer, string>> = { yes: '✓', no: '✗', none: '–', unknown: '?' };
const ARROWS = { client: '→', producer: '→', server: '←', consumer: '←', internal: '·' };

/**
 * @param root what files are told relative to, if anything
 * @returns lines, each with its line break; columns are as wide as the widest of all paths needs
 */
export function drawPaths(paths: readonly CancelPath[], root?: string): string {
  const tables = paths.map((path) => {
    const hops = folded(path.hops);
    const rows = [TITLES, ...rowsOf(hops.slice(0, MAX_ROWS))];
    const more = hops.length > MAX_ROWS ? `… and ${hops.length - MAX_ROWS} more\n` : '';
    return { path, rows, more };
  });
  const all = tables.flatMap(({ rows }) => rows);
  const widths = TITLES.map((_, column) => Math.max(...all.map((row) => (row[column] as string).length)));
  return tables
    .map(({ path, rows, more }) => `${headOf(path, root)}\n${linesOf(rows, widths)}${more}`)
    .join('\n');
}

/** Where it begins, and where it got lost. */
function headOf({ traceId, hops }: CancelPath, root: string | undefined): string {
  const { service, told, origin } = hops[0] as PathHop;
  const place = origin === undefined ? '' : `, ${root === undefined ? origin : relativeTo(root, origin)}`;
  const decided = told === 'itself' ? `  decided in ${service}${place}` : '';
  const lines = [`trace ${traceId}${decided}`];
  for (const hop of hops.filter(isBroken)) {
    const faults = [];
    if (hop.listens === 'no') faults.push('goes on');
    if (hop.passesOn === 'no') faults.push('does not pass it on');
    lines.push(`  ! ${hop.service} ${faults.join(', and ')}`);
  }
  return lines.map(plain).join('\n');
}

interface Row extends PathHop {
  /** How many are alike. */
  readonly count: number;
}

/** What one hop asks of others without spans, in the same way and with the same fate, is one row: that of the longest. */
function folded(hops: readonly PathHop[]): Row[] {
  const rows: Row[] = [];
  const alike = new Map<string, number>();
  for (const hop of hops) {
    // Those of another hop: the depth that it is at was left, or is new.
    const key = JSON.stringify([labelOf(hop), toldOf(hop), hop.listens, hop.passesOn]);
    if (hop.service !== undefined) alike.clear();
    const at = hop.service === undefined && hop.depth > 0 ? alike.get(key) : undefined;
    const first = at === undefined ? undefined : rows[at];
    if (at === undefined || first === undefined || first.depth !== hop.depth) {
      alike.set(key, rows.push({ ...hop, count: 1 }) - 1);
    } else {
      const longer = (hop.wastedMs ?? 0) > (first.wastedMs ?? 0) ? hop : first;
      rows[at] = { ...longer, count: first.count + 1 };
    }
  }
  return rows;
}

function rowsOf(hops: readonly Row[]): string[][] {
  return hops.map((hop, index) => [
    railOf(hops, index) + labelOf(hop) + (hop.count === 1 ? '' : ` ×${hop.count}`),
    toldOf(hop),
    hop.afterMs === undefined ? '' : `${hop.isSkewed ? '~' : ''}${formatMs(hop.afterMs)}`,
    SIGNS[hop.listens],
    SIGNS[hop.passesOn],
    hop.wastedMs === undefined ? '' : formatMs(hop.wastedMs),
  ]);
}

function labelOf({ service = '?', span }: PathHop): string {
  if (span === undefined) return service;
  // What it has no span of its own for is told by the span of who asked it.
  const arrow = service === '?' ? '←' : ARROWS[span.kind];
  return plain(`${service} ${arrow} ${titleOf(span)}`);
}

function toldOf({ told, trigger }: PathHop): string {
  if (told === 'unknown') return '?';
  if (told === 'no') return 'not told';
  if (told === 'late') return 'asked later';
  return trigger === undefined ? told : plain(`${told}: ${trigger}`);
}

function linesOf(rows: readonly string[][], widths: readonly number[]): string {
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] as number;
        return ['after', 'wasted'].includes(TITLES[column] as string)
          ? cell.padStart(width)
          : cell.padEnd(width);
      });
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

function formatMs(ms: number): string {
  return `${ms.toFixed(Math.abs(ms) < 9.95 ? 1 : 0)} ms`;
}
