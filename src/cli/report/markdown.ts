/** A report as Markdown, for the summary of a job or a comment: what strangers wrote is code there, so it neither links nor calls anybody. */
import { drawPaths } from '../cancel-path-text.ts';
import { formatMs, formatPercent, plain } from '../text.ts';
import { BEYOND_EXPLAINED, BEYOND_TITLE, beyondMaps, beyondTable } from './beyond.ts';
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
  type Table,
  wasteTable,
} from './tables.ts';
import { drawHeatMap } from './text.ts';

const MAX_ROWS = 20;
const MAX_CHAINS = 10;
const MAX_EXAMPLES = 5;

export function writeMarkdown({ report, failures, known }: Judged): string {
  const { findings, spanCount, traceCount, cancelledTraceCount, incoming, leftOut, paths } = report;
  const verdict =
    failures.length === 0
      ? ['**Passed.**']
      : ['**Failed:**', '', ...failures.map((failure) => `- ${code(failure)}`)];
  const rate = formatPercent(incoming.cancelledCount, incoming.count);
  return [
    '# Cancels',
    '',
    ...verdict,
    '',
    `${countOf(findings)} findings in ${spanCount} spans of ${traceCount} traces, ${cancelledTraceCount} of them with a cancel; ${incoming.cancelledCount} of ${incoming.count} incoming operations were cancelled (${rate}). Source: ${code(report.source)}`,
    '',
    ...section('Cancelled operations', table(operationsTable(report, MAX_ROWS))),
    ...section('Lines that cancel', table(linesTable(report, MAX_ROWS))),
    ...section('Chains, by where they begin', chainsIn(report)),
    ...section(`Work for nobody: ${formatMs(report.wastedMs)}`, table(wasteTable(report, MAX_ROWS))),
    ...section('End minus deadline', deadlinesIn(report)),
    ...section(BEYOND_TITLE, beyondIn(report)),
    ...section('Findings', findingsIn(report, known)),
    ...section('The worst, hop by hop', paths.length === 0 ? [] : fenced(drawPaths(paths, report.root))),
    ...section(
      'Left out',
      leftOut.map((what) => `- ${code(what)}`),
    ),
  ].join('\n');
}

export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, ''];
}

function table({ columns, rows, more }: Table): string[] {
  if (rows.length === 0) return [];
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(columns.map(({ name }) => name)),
    row(columns.map(({ isNumber }) => (isNumber ? '--:' : '---'))),
    ...rows.map((cells) => row(cells.map((cell, index) => (columns[index]?.isNumber ? cell : code(cell))))),
    ...(more > 0 ? ['', `… and ${more} more`] : []),
  ];
}

function chainsIn(report: Report): string[] {
  return report.chains
    .slice(0, MAX_CHAINS)
    .flatMap((chain) => [code(beginOf(chain, report)), '', ...table(chainTable(chain, MAX_ROWS)), '']);
}

function deadlinesIn(report: Report): string[] {
  const operations = table(deadlinesTable(report, 'operations', MAX_ROWS));
  const asyncTypes = table(deadlinesTable(report, 'asyncTypes', MAX_ROWS));
  if (operations.length === 0) return [];
  return [...operations, '', ...fenced(drawHeatMap(report)), '', ...asyncTypes];
}

function beyondIn(report: Report): string[] {
  const maps = beyondMaps(report, MAX_ROWS).flatMap((map) => ['', ...table(beyondTable(map))]);
  return maps.length === 0 ? [] : [BEYOND_EXPLAINED, ...maps];
}

function findingsIn(report: Report, known: ReadonlySet<string> | undefined): string[] {
  return findingsByRule(report, MAX_EXAMPLES).flatMap(({ rule, count, advice, shown }) => [
    `**${code(rule)}** ${count}${advice === undefined ? '' : ` – ${advice}`}`,
    '',
    ...shown.map(({ traceId, title, detail, group }) => {
      const mark = known === undefined || known.has(group.id) ? '' : '**new** ';
      return `- ${mark}${code(`${group.service}: ${title}`)}: ${code(detail)}, trace ${code(traceId)}`;
    }),
    ...(count > shown.length ? [`- … and ${count - shown.length} more`] : []),
    '',
  ]);
}

/** Code, also in a table: there is no way out of it. Spaces in front are those of a tree. */
/** What neither ends a cell of a table nor begins code. */
export function cell(text: string): string {
  return plain(text).replaceAll('`', '´').replaceAll('|', '\\|');
}

export function code(text: string): string {
  const safe = cell(text).replace(/^ +/, (spaces) => '\u00a0'.repeat(spaces.length));
  return safe === '' ? '' : `\`${safe}\``;
}

function fenced(text: string): string[] {
  return ['```text', text.replaceAll('`', '´').trimEnd(), '```'];
}
