/** A report for a terminal. */
import { drawPaths } from '../cancel-path-text.ts';
import { drawTable } from '../table.ts';
import { isUtf8 } from '../terminal.ts';
import { formatMs, formatPercent, plain } from '../text.ts';
import { BEYOND_EXPLAINED, BEYOND_TITLE, beyondMaps, drawBeyond } from './beyond.ts';
import { countOf } from './finding-groups.ts';
import type { Judged } from './formats.ts';
import type { Report } from './summary.ts';
import {
  beginOf,
  chainTable,
  deadlinesTable,
  findingsByRule,
  linesTable,
  operationsTable,
  shadeOf,
  type Table,
  wasteTable,
} from './tables.ts';

/** Rows of a table, and examples of a rule: more nobody reads. */
const MAX_ROWS = 10;
const MAX_CHAINS = 5;
const MAX_EXAMPLES = 5;
const MAX_CELL = 56;
/** By `shadeOf()`: low is in time, high is missed. */
const BLOCKS = ['▁', '▂', '▃', '▅', '▆', '▇', '█'];

/** @returns lines, each with its line break */
export function writeText({ report, failures, known }: Judged): string {
  const { findings, spanCount, paths, leftOut } = report;
  const parts = [
    headOf(report),
    part('Cancelled operations', drawn(operationsTable(report, MAX_ROWS))),
    part('Lines that cancel', drawn(linesTable(report, MAX_ROWS))),
    part('Chains, by where they begin', chainsIn(report)),
    part(`Work for nobody: ${formatMs(report.wastedMs)}`, drawn(wasteTable(report, MAX_ROWS))),
    part('End minus deadline', deadlinesIn(report)),
    part(BEYOND_TITLE, beyondIn(report)),
    findingsIn(report, known),
    paths.length > 0 ? drawPaths(paths, report.root) : '',
    part('Left out', leftOut.map((what) => `  ${plain(what)}\n`).join('')),
  ];
  const verdict = failures.map((failure) => `! ${plain(failure)}\n`).join('');
  const end = `${countOf(findings)} findings in ${spanCount} spans\n`;
  return [...parts, verdict, end].filter((text) => text !== '').join('\n');
}

function part(title: string, text: string): string {
  return text === '' ? '' : `${title}\n${text}`;
}

/** Nothing of a source in which nothing was cancelled: the last line says it. */
function headOf({ cancelledTraceCount, traceCount, incoming, time }: Report): string {
  if (cancelledTraceCount === 0) return '';
  const { count, cancelledCount } = incoming;
  const when =
    time === undefined
      ? ''
      : `, ${new Date(time.startMs).toISOString()} to ${new Date(time.endMs).toISOString()}`;
  const rate = `${cancelledCount} of ${count} incoming operations cancelled, ${formatPercent(cancelledCount, count)}`;
  return `${traceCount} traces, ${cancelledTraceCount} with a cancel${when}\n${rate}\n`;
}

function drawn({ columns, rows, more }: Table): string {
  if (rows.length === 0) return '';
  const right = columns.filter(({ isNumber }) => isNumber).map(({ name }) => name);
  const names = columns.map(({ name }) => name);
  const table = drawTable(
    names,
    rows.map((row) => row.map((cell) => cut(plain(cell)))),
    right,
  );
  return more > 0 ? `${table}  … and ${more} more\n` : table;
}

/** A line of a terminal has an end. */
function cut(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}

function chainsIn(report: Report): string {
  const { chains } = report;
  const texts = chains
    .slice(0, MAX_CHAINS)
    .map((chain) => `  ${plain(beginOf(chain, report))}\n${drawn(chainTable(chain, MAX_ROWS))}`);
  const more = chains.length > MAX_CHAINS ? [`  … and ${chains.length - MAX_CHAINS} more\n`] : [];
  return [...texts, ...more].join('\n');
}

function deadlinesIn(report: Report): string {
  const asyncTypes = drawn(deadlinesTable(report, 'asyncTypes', MAX_ROWS));
  return drawn(deadlinesTable(report, 'operations', MAX_ROWS)) + drawHeatMap(report) + asyncTypes;
}

function beyondIn(report: Report): string {
  const hasBlocks = isUtf8();
  const maps = beyondMaps(report, MAX_ROWS).map((map) => drawBeyond(map, hasBlocks));
  return maps.length === 0 ? '' : `  ${BEYOND_EXPLAINED}\n${maps.join('\n')}`;
}

/** @returns lines, each with its line break */
export function drawHeatMap({ deadlines }: Report): string {
  const rows = deadlines.operations.slice(0, MAX_ROWS);
  if (rows.length === 0) return '';
  const lines = rows.map(({ service, name, cells }) => [
    plain(`${service} ${name}`),
    `│${cells.map((cell) => (cell === null ? ' ' : BLOCKS[shadeOf(cell.worstMs)])).join('')}│`,
  ]);
  const legend = `  the worst of each ${formatMs(deadlines.stepMs)}: ${BLOCKS.slice(0, 3).join('')} in time, ${BLOCKS.slice(3).join('')} missed, by more the higher\n`;
  const from = `from ${new Date(deadlines.startMs).toISOString()}`;
  return `${legend}${drawTable(['', from], lines, [])}`;
}

function findingsIn(report: Report, known: ReadonlySet<string> | undefined): string {
  let text = '';
  for (const { rule, count, shown } of findingsByRule(report, MAX_EXAMPLES)) {
    text += `${plain(rule)}  ${count}\n`;
    for (const { traceId, title, detail, group } of shown) {
      const mark = known === undefined || known.has(group.id) ? '' : 'new: ';
      text += `  ${mark}trace ${plain(traceId)}  ${plain(group.service)}: ${plain(title)}\n    ${plain(detail)}\n`;
    }
    if (count > shown.length) text += `  … and ${count - shown.length} more\n`;
  }
  return text;
}
