/** Which traces are asked for: the filters of the page's address and of `/api/traces`. Pure. */
import type { Beyond } from '../spans/beyond.ts';
import { cancelOf, findingsOn } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { titleOf } from '../spans/title.ts';
import { beyondOf } from './beyond.ts';
import { depthOf, durationOf } from './beyond-columns.ts';
import type { StoredTrace } from './store.ts';
import { summaryOf } from './summary.ts';

/** By their names in the address. A trace is found when one of its spans has all that is asked of spans. */
export interface Filter {
  readonly service?: string;
  /** Part of the span's title. */
  readonly operation?: string;
  readonly outcome?: string;
  readonly initiator?: string;
  readonly trigger?: string;
  /** Part of it. */
  readonly origin?: string;
  readonly finding?: string;
  /** In what the time beyond the deadline was spent: a type of its heat maps. */
  readonly spent?: string;
  /** For how long: a column of theirs. */
  readonly beyond?: string;
  /** How deep: a column of theirs. */
  readonly depth?: string;
  /** Part of any name, attribute or event of the span. */
  readonly text?: string;
  /** ms, of the whole trace. */
  readonly min?: number;
  /** ms, of the whole trace. */
  readonly max?: number;
  /** Those without any cancel or finding as well. */
  readonly all?: boolean;
}

const WORDS = [
  'service',
  'operation',
  'outcome',
  'initiator',
  'trigger',
  'origin',
  'finding',
  'spent',
  'beyond',
  'depth',
  'text',
] as const;
const NUMBERS = ['min', 'max'] as const;
/** As they stand in an address. */
export const FILTER_NAMES: readonly string[] = [...WORDS, ...NUMBERS, 'all'];
/** How many are answered at a time. */
export const TRACES_A_PAGE = 200;

/** What is empty, or no number where one is needed, is not asked for. */
export function filterOf(query: URLSearchParams): Filter {
  const filter: Record<string, unknown> = {};
  for (const name of WORDS) if (query.get(name)) filter[name] = query.get(name);
  for (const name of NUMBERS) {
    const value = Number(query.get(name) || Number.NaN);
    if (Number.isFinite(value)) filter[name] = value;
  }
  if (query.has('all') && query.get('all') !== 'false') filter.all = true;
  return filter;
}

export function isFound(trace: StoredTrace, filter: Filter): boolean {
  const { canceledCount, deadlineExceededCount, findings, durationMs } = summaryOf(trace);
  if (!filter.all && canceledCount + deadlineExceededCount + findings.length === 0) return false;
  if (durationMs < (filter.min ?? 0) || durationMs > (filter.max ?? Number.POSITIVE_INFINITY)) return false;
  const { spent, beyond, depth } = filter;
  const isOfMap = (spent ?? beyond ?? depth) !== undefined;
  if (isOfMap && !beyondOf(trace).some((each) => isBeyondFound(each, filter))) return false;
  return trace.spans.some((span) => isSpanFound(span, filter));
}

function isBeyondFound(each: Beyond, { service, spent, beyond, depth }: Filter): boolean {
  if (service !== undefined && each.service !== service) return false;
  if (spent !== undefined && each.type !== spent) return false;
  if (beyond !== undefined && durationOf(each) !== beyond) return false;
  return depth === undefined || depthOf(each) === depth;
}

function isSpanFound(span: ExportedSpan, filter: Filter): boolean {
  const { service, operation, outcome, initiator, trigger, origin, finding, text } = filter;
  if (service !== undefined && span.serviceName !== service) return false;
  if (operation !== undefined && !has(titleOf(span), operation)) return false;
  if (outcome ?? initiator ?? trigger ?? origin) {
    const cancel = cancelOf(span);
    if (cancel === undefined) return false;
    if (outcome !== undefined && cancel.outcome !== outcome) return false;
    if (initiator !== undefined && cancel.initiator !== initiator) return false;
    if (trigger !== undefined && cancel.trigger !== trigger) return false;
    if (origin !== undefined && !has(cancel.origin ?? '', origin)) return false;
  }
  if (finding !== undefined && !findingsOn(span).some(({ rule }) => rule === finding)) return false;
  return text === undefined || hasText(span, text);
}

function hasText(
  { name, serviceName, attributes, events, traceId, spanId }: ExportedSpan,
  text: string,
): boolean {
  return (
    [name, serviceName, traceId, spanId].some((part) => has(part, text)) ||
    [attributes, ...events.map((event) => event.attributes)].some((each) =>
      Object.entries(each).some(([key, value]) => has(key, text) || has(String(value), text)),
    ) ||
    events.some((event) => has(event.name, text))
  );
}

function has(whole: string, part: string): boolean {
  return whole.toLowerCase().includes(part.toLowerCase());
}
