/** A report as tables, for whatever shows them. What is in a cell was written by strangers: who shows it makes it harmless. Pure. */
import { cancelledIn } from '../../desk/operations.ts';
import { ADVICE } from '../../spans/advice.ts';
import { railOf } from '../rails.ts';
import { formatMs, formatPercent, relativeTo } from '../text.ts';
import type { Chain, ChainHop } from './chains.ts';
import { type Example, type FindingGroup, groupsByRule } from './finding-groups.ts';
import type { Report } from './summary.ts';
import { WASTE_KINDS } from './waste.ts';

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** How many rows are not in it. */
  readonly more: number;
}

export interface Column {
  readonly name: string;
  readonly isNumber: boolean;
}

function tableOf<T>(
  columns: readonly string[],
  values: readonly T[],
  max: number,
  rowOf: (value: T, index: number) => string[],
): Table {
  return {
    columns: columns.map((name) => ({ name: name.replace('#', ''), isNumber: name.startsWith('#') })),
    rows: values.slice(0, max).map(rowOf),
    more: Math.max(0, values.length - max),
  };
}

export function operationsTable({ operations }: Report, max: number): Table {
  const columns = ['operation', 'side', '#cancelled', '#of', '#rate', '#deadline'];
  return tableOf(columns, operations, max, (each) => [
    `${each.service} ${each.operation}`,
    each.side,
    String(cancelledIn(each)),
    String(each.count),
    formatPercent(cancelledIn(each), each.count),
    String(each.deadlineExceededCount),
  ]);
}

export function linesTable({ lines, root }: Report, max: number): Table {
  return tableOf(['#times', 'line', 'of', 'because'], lines, max, (line) => [
    String(line.count),
    relativeTo(root, line.origin),
    `${line.services.join(', ')}: ${line.operations.join(', ')}`,
    line.reasons
      .slice(0, 2)
      .map(({ reason, count }) => `${count}× ${reason}`)
      .join('; '),
  ]);
}

export function wasteTable({ waste }: Report, max: number): Table {
  const columns = ['operation', '#times', '#wasted', ...WASTE_KINDS.map((kind) => `#${kind}`), '#not over'];
  return tableOf(columns, waste, max, ({ service, operation, count, wastedMs, onMs, unsettledCount }) => [
    `${service} ${operation}`,
    String(count),
    formatMs(wastedMs),
    ...WASTE_KINDS.map((kind) => (onMs[kind] === 0 ? '' : formatMs(onMs[kind]))),
    unsettledCount === 0 ? '' : String(unsettledCount),
  ]);
}

/** Without rows where there is none: of async types only services with `trackAsync` tell. */
export function deadlinesTable({ deadlines }: Report, by: 'operations' | 'asyncTypes', max: number): Table {
  const what = by === 'operations' ? 'operation' : 'pending at the cancel';
  const columns = [what, '#missed', '#of', '#median', '#p95', '#worst'];
  return tableOf(columns, deadlines[by], max, (row) => [
    `${row.service} ${row.name}`,
    ...[row.missedCount, row.count].map(String),
    ...[row.medianMs, row.p95Ms, row.worstMs].map(formatMs),
  ]);
}

export function chainTable({ hops }: Chain, max: number): Table {
  const columns = ['hop', 'told', '#times', '#delay', '#p95', '#most', '#wasted', 'fault'];
  return tableOf(columns, hops, max, (hop, index) => [
    `${railOf(hops, index)}${hop.service ?? '?'} ${hop.operation}`,
    toldIn(hop),
    String(hop.count),
    ...(hop.delayMs === undefined
      ? ['', '', '']
      : [hop.delayMs.median, hop.delayMs.p95, hop.delayMs.most].map(formatMs)),
    hop.wastedMs === 0 ? '' : formatMs(hop.wastedMs),
    faultsIn(hop),
  ]);
}

function toldIn({ told, trigger }: ChainHop): string {
  if (told === 'no') return 'not told';
  if (told === 'late') return 'asked later';
  if (told === 'unknown') return '?';
  return trigger === undefined ? told : `${told}: ${trigger}`;
}

function faultsIn({ goesOnCount, notPassedOnCount }: ChainHop): string {
  return [
    ...(goesOnCount > 0 ? [`goes on ${goesOnCount}×`] : []),
    ...(notPassedOnCount > 0 ? [`does not pass it on ${notPassedOnCount}×`] : []),
  ].join(', ');
}

/** Where it begins. */
export function beginOf({ origin, hops: [first], count }: Chain, { root }: Report): string {
  const place = origin === undefined ? '' : `, ${relativeTo(root, origin)}`;
  return `${count}× from ${first?.service ?? 'who has no spans'}${place}`;
}

/** Steps of what a cell of the heat map shows: from well in time to missed by a second. */
const SHADES_MS = [-1_000, -100, 0, 10, 100, 1_000];

/** 0 to 6; from 3 on it was missed. */
export function shadeOf(worstMs: number): number {
  return SHADES_MS.filter((step) => worstMs > step).length;
}

export interface RuleFindings {
  readonly rule: string;
  readonly advice: string | undefined;
  readonly count: number;
  readonly shown: readonly (Example & { readonly group: FindingGroup })[];
}

/** Of each rule some of each group, those of groups that have more last. */
export function findingsByRule({ findings }: Report, max: number): RuleFindings[] {
  return groupsByRule(findings).map(({ rule, count, groups }) => {
    const ranked = groups.flatMap((group) =>
      group.examples.map((example, rank) => ({ ...example, group, rank })),
    );
    const shown = ranked.sort((a, b) => a.rank - b.rank).slice(0, max);
    return { rule, count, advice: ADVICE[rule], shown };
  });
}
