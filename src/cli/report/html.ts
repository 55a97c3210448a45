/** A report as one page that needs nothing else: no script, no request. What strangers wrote is text in it, by `html` itself. */
import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { drawPaths } from '../cancel-path-text.ts';
import { formatMs, formatPercent, plain } from '../text.ts';
import { BEYOND_EXPLAINED, BEYOND_TITLE, type BeyondMap, beyondMaps, heatOf, textOf } from './beyond.ts';
import { countOf } from './finding-groups.ts';
import type { Judged } from './formats.ts';
import { STYLE } from './html-style.ts';
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

type Html = ReturnType<typeof html>;

const MAX_ROWS = 100;
const MAX_CHAINS = 25;
const MAX_EXAMPLES = 25;

export async function writeHtml({ report, failures, known }: Judged): Promise<string> {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const { source, paths, leftOut, deadlines } = report;
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${raw(hash)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Cancels: ${plain(source)}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>Cancels</h1>
<p class="dim">${plain(source)}${timeOf(report)}</p>
${verdictOf(failures)}
${figuresOf(report)}
${section('Cancelled operations', tableOf(operationsTable(report, MAX_ROWS)))}
${section('Lines that cancel', tableOf(linesTable(report, MAX_ROWS)))}
${section('Chains, by where they begin', chainsOf(report))}
${section('Work for nobody', tableOf(wasteTable(report, MAX_ROWS)))}
${section('End minus deadline', deadlines.operations.length === 0 ? '' : html`${tableOf(deadlinesTable(report, 'operations', MAX_ROWS))}${heatMapOf(report)}${tableOf(deadlinesTable(report, 'asyncTypes', MAX_ROWS))}`)}
${section(BEYOND_TITLE, beyondOf(report))}
${section('Findings', findingsOf(report, known))}
${section('The worst, hop by hop', paths.length === 0 ? '' : html`<pre tabindex="0">${drawPaths(paths, report.root)}</pre>`)}
${section('Left out', leftOut.length === 0 ? '' : html`<ul>${leftOut.map((what) => html`<li>${plain(what)}</li>`)}</ul>`)}
</main>
</body>
</html>
`;
  return String(page);
}

function timeOf({ time }: Report): string {
  return time === undefined ? '' : `, ${isoOf(time.startMs)} to ${isoOf(time.endMs)}`;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

function verdictOf(failures: readonly string[]): Html {
  if (failures.length === 0) return html`<p class="verdict passed"><b>Passed.</b></p>`;
  return html`<div class="verdict failed"><p><b>Failed:</b></p><ul>${failures.map((failure) => html`<li>${plain(failure)}</li>`)}</ul></div>`;
}

function figuresOf({
  incoming,
  wastedMs,
  findings,
  traceCount,
  spanCount,
  cancelledTraceCount,
}: Report): Html {
  const { count, cancelledCount } = incoming;
  const figures = [
    [
      'cancel rate',
      formatPercent(cancelledCount, count),
      `${cancelledCount} of ${count} incoming operations`,
    ],
    ['work for nobody', formatMs(wastedMs), 'after the cancel'],
    ['findings', String(countOf(findings)), `${findings.length} different ones`],
    ['traces', String(traceCount), `${cancelledTraceCount} with a cancel, ${spanCount} spans`],
  ];
  return html`<dl class="figures">${figures.map(
    ([name, figure, more]) =>
      html`<div><dt>${name}</dt><dd><b>${figure}</b> <span class="dim">${more}</span></dd></div>`,
  )}</dl>`;
}

function section(title: string, content: Html | ''): Html | '' {
  return content === '' ? '' : html`<section><h2>${title}</h2>${content}</section>`;
}

function tableOf({ columns, rows, more }: Table): Html | '' {
  if (rows.length === 0) return '';
  const kind = (index: number): string => (columns[index]?.isNumber ? 'number' : 'text');
  // The first cell that is no number tells what the row is about.
  const head = columns.findIndex(({ isNumber }) => !isNumber);
  return html`<div class="wide" tabindex="0"><table><thead><tr>${columns.map(
    ({ name }, index) => html`<th scope="col" class="${kind(index)}">${name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) =>
        index === head
          ? html`<th scope="row">${plain(cell)}</th>`
          : html`<td class="${kind(index)}">${plain(cell)}</td>`,
      )}</tr>`,
  )}</tbody></table></div>${more > 0 ? html`<p class="dim">… and ${more} more</p>` : ''}`;
}

function chainsOf(report: Report): Html | '' {
  const { chains } = report;
  if (chains.length === 0) return '';
  return html`${chains
    .slice(0, MAX_CHAINS)
    .map((chain) => html`<h3>${plain(beginOf(chain, report))}</h3>${tableOf(chainTable(chain, MAX_ROWS))}`)}${
    chains.length > MAX_CHAINS ? html`<p class="dim">… and ${chains.length - MAX_CHAINS} more</p>` : ''
  }`;
}

function heatMapOf({ deadlines }: Report): Html {
  const { operations, startMs, stepMs } = deadlines;
  return html`<p class="dim">Over time, the worst of each ${formatMs(stepMs)}: <span class="cell heat-0"></span><span class="cell heat-1"></span><span class="cell heat-2"></span> in time, <span class="cell heat-3"></span><span class="cell heat-4"></span><span class="cell heat-5"></span><span class="cell heat-6"></span> missed by more than 0, 10, 100 ms, 1 s</p>
<div class="wide" tabindex="0"><table class="heat"><thead><tr><th scope="col">operation</th><th scope="col">from ${isoOf(startMs)}</th></tr></thead><tbody>${operations.map(
    ({ service, name, cells }) =>
      html`<tr><th scope="row">${plain(`${service} ${name}`)}</th><td><div class="cells">${cells.map(
        (cell, index) =>
          cell === null
            ? html`<span class="cell"></span>`
            : html`<span class="cell heat-${shadeOf(cell.worstMs)}" title="${isoOf(startMs + index * stepMs)}: worst ${formatMs(cell.worstMs)}, ${cell.missedCount} missed of ${cell.count}"></span>`,
      )}</div></td></tr>`,
  )}</tbody></table></div>`;
}

/** Those that are missed deadlines. */
const BEYOND_SHADES = ['heat-3', 'heat-4', 'heat-5', 'heat-6'];

function beyondOf(report: Report): Html | '' {
  const maps = beyondMaps(report, MAX_ROWS);
  return maps.length === 0 ? '' : html`<p class="dim">${BEYOND_EXPLAINED}</p>${maps.map(beyondMapOf)}`;
}

function beyondMapOf(map: BeyondMap): Html {
  const cellOf = (cell: BeyondMap['rows'][number]['cells'][number]): Html =>
    cell === null
      ? html`<td class="number"></td>`
      : html`<td class="number"><span class="cell ${BEYOND_SHADES[heatOf(cell, map, BEYOND_SHADES.length) - 1]}"></span> ${textOf(cell)}</td>`;
  return html`<div class="wide" tabindex="0"><table><thead><tr><th scope="col">${map.title}</th>${map.columns.map(
    (name) => html`<th scope="col" class="number">${name}</th>`,
  )}</tr></thead><tbody>${map.rows.map(
    ({ name, cells }) => html`<tr><th scope="row">${plain(name)}</th>${cells.map(cellOf)}</tr>`,
  )}</tbody></table></div>${map.more > 0 ? html`<p class="dim">… and ${map.more} more</p>` : ''}`;
}

function findingsOf(report: Report, known: ReadonlySet<string> | undefined): Html | '' {
  if (report.findings.length === 0) return '';
  return html`${findingsByRule(report, MAX_EXAMPLES).map(
    ({ rule, count, advice, shown }) =>
      html`<h3><code>${plain(rule)}</code> ${count}</h3>${
        advice === undefined ? '' : html`<p>${advice}</p>`
      }<ul class="rows">${shown.map(
        ({ traceId, title, detail, group }) =>
          html`<li>${known === undefined || known.has(group.id) ? '' : html`<b class="new">new</b> `}<b>${plain(group.service)}</b> ${plain(title)}: ${plain(detail)} <span class="dim">trace ${plain(traceId)}</span></li>`,
      )}</ul>${count > shown.length ? html`<p class="dim">… and ${count - shown.length} more</p>` : ''}`,
  )}`;
}
