/** Draws traces in which something was cancelled: who, why, when, in which phase, and from which line. Pure: spans in, text out. */
import { styleText } from 'node:util';
import { cancelOf, findingsOn, isCancelled } from '../spans/cancel.ts';
import { groupBy } from '../spans/group-by.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { titleOf } from '../spans/title.ts';
import { treeOf } from '../spans/tree.ts';
import {
  ATTR_CANCEL_LATE_MESSAGES,
  ATTR_CANCEL_LATE_OPERATIONS,
  ATTR_CANCEL_LATE_WRITES,
  ATTR_CANCEL_WASTED_MS,
  ATTR_CANCEL_WASTED_ON_MS,
} from '../telemetry/attributes.ts';
import { formatMs, plain, relativeTo } from './text.ts';

export interface DrawOptions {
  /** Origins inside of it are shown relative to it. */
  readonly cwd: string;
  readonly isColoured: boolean;
}

const TITLES = ['', 'took', '', 'when', 'who', 'why', 'phase'];
const TOOK = 1;

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'cyan';

/** A span in columns. */
interface Row {
  readonly cells: readonly string[];
  readonly style: Style | undefined;
}

/** What does not fit a column, below it. */
interface Detail {
  readonly rail: string;
  readonly text: string;
  readonly style: Style;
}

/** Each trace that has a cancelled span, the earliest first; '' if there is none. Each line has its line break. */
export function drawTraces(spans: readonly ExportedSpan[], { cwd, isColoured }: DrawOptions): string {
  const drawings = [...groupBy(spans, ({ traceId }) => traceId).values()]
    .filter((trace) => trace.some(isCancelled))
    .sort((a, b) => startOf(a) - startOf(b))
    .map((trace) => ({ trace, lines: drawTree(trace, cwd) }));
  const rows = [
    TITLES,
    ...drawings.flatMap(({ lines }) => lines.flatMap((line) => ('cells' in line ? [line.cells] : []))),
  ];
  const widths = TITLES.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const paint = (text: string, style: Style | undefined): string =>
    isColoured && style !== undefined ? styleText(style, text, { validateStream: false }) : text;

  let text = '';
  for (const { trace, lines } of drawings) {
    const title = `trace ${plain(trace[0]?.traceId)}`;
    text += `${paint(title, 'bold')}  ${trace.length} spans, ${trace.filter(isCancelled).length} cancelled\n`;
    text += `${paint(align(TITLES, widths), 'dim')}\n`;
    for (const line of lines) {
      text +=
        'cells' in line
          ? `${paint(align(line.cells, widths), line.style)}\n`
          : `${paint(line.rail, 'dim')}${paint(line.text, line.style)}\n`;
    }
    text += '\n';
  }
  return text;
}

function startOf(trace: readonly ExportedSpan[]): number {
  return trace.reduce((least, { startMs }) => Math.min(least, startMs), Number.POSITIVE_INFINITY);
}

function drawTree(trace: readonly ExportedSpan[], cwd: string): (Row | Detail)[] {
  const startMs = startOf(trace);
  const rails: string[] = [];
  return treeOf(trace).flatMap(({ span, depth, isLast, hasChildren }) => {
    const before = rails.slice(0, depth).join('');
    const branch = depth === 0 ? '' : isLast ? '└─ ' : '├─ ';
    rails[depth] = depth === 0 ? '' : isLast ? '   ' : '│  ';
    const below = before + rails[depth] + (hasChildren ? '│  ' : '   ');
    return [rowOf(span, before + branch, startMs), ...detailsOf(span, below, cwd)];
  });
}

function rowOf(span: ExportedSpan, branch: string, traceStartMs: number): Row {
  const label = `${branch}${plain(span.serviceName)} ${ARROWS[span.kind]} ${plain(titleOf(span))}`;
  const took = formatMs(span.endMs - span.startMs);
  const cancel = cancelOf(span);
  if (cancel === undefined) {
    return { cells: [label, took, span.status.code === 'error' ? 'failed' : ''], style: undefined };
  }
  const { outcome, atMs, initiator, trigger, phase } = cancel;
  const isDeadline = outcome === 'deadline_exceeded';
  const when = `at ${formatMs(atMs - traceStartMs)}`;
  const said = [initiator, trigger, phase].map((word) => plain(word ?? '?'));
  return {
    cells: [label, took, isDeadline ? 'deadline' : 'canceled', when, ...said],
    style: isDeadline ? 'yellow' : 'red',
  };
}

const ARROWS = { client: '→', producer: '→', server: '←', consumer: '←', internal: '·' } as const;

/** The origin, the reason, wasted work and broken rules. */
function detailsOf(span: ExportedSpan, rail: string, cwd: string): Detail[] {
  const cancel = cancelOf(span);
  const reason = cancel?.reason ?? (span.status.code === 'error' ? span.status.message : '');
  const wasted = wastedIn(span);
  return [
    ...(cancel?.origin
      ? [{ text: `at ${relativeTo(cwd, plain(cancel.origin))}`, style: 'cyan' } as const]
      : []),
    ...(reason ? [{ text: `because “${plain(reason)}”`, style: 'dim' } as const] : []),
    ...(wasted ? [{ text: wasted, style: 'yellow' } as const] : []),
    ...findingsOn(span).map(({ rule, detail }) => ({
      text: plain(detail ? `! ${rule}: ${detail}` : `! ${rule}`),
      style: 'yellow' as const,
    })),
  ].map((detail) => ({ rail, ...detail }));
}

function wastedIn({ attributes }: ExportedSpan): string | undefined {
  const wastedMs = attributes[ATTR_CANCEL_WASTED_MS];
  if (wastedMs === undefined) return undefined;
  const spentOn = Object.entries(ATTR_CANCEL_WASTED_ON_MS).flatMap(([on, key]) =>
    attributes[key] === undefined ? [] : [` ${on} ${formatMs(Number(attributes[key]))},`],
  );
  const of = spentOn.length > 0 ? `, of it${spentOn.join('')}` : ',';
  const messages = Number(attributes[ATTR_CANCEL_LATE_MESSAGES] ?? 0);
  const received = messages > 0 ? `, late messages: ${messages}` : '';
  const writes = Number(attributes[ATTR_CANCEL_LATE_WRITES] ?? 0);
  const operations = Number(attributes[ATTR_CANCEL_LATE_OPERATIONS] ?? 0);
  return `wasted ${formatMs(Number(wastedMs))}${of} late writes: ${writes}${received}, late operations: ${operations}`;
}

function align(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) =>
    column === TOOK ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
  );
  return cells.join('  ').trimEnd();
}
