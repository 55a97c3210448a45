/**
 * Findings that are the same one: of a rule, in a service, on an operation, and, where a line is known, of its function in a file
 * of that name. Neither the number of the line nor the folder is part of that, so it is the same after an edit, and elsewhere.
 */
import { createHash } from 'node:crypto';
import { Tallies } from '../../desk/tallies.ts';
import { cancelOf } from '../../spans/cancel.ts';
import type { Finding } from '../../spans/findings.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { operationOf, titleOf } from '../../spans/title.ts';
import {
  ATTR_CANCEL_PENDING_NAME,
  ATTR_CANCEL_PENDING_ORIGIN,
  EVENT_CANCEL_PENDING,
  SPAN_WORK_AFTER_CANCEL,
} from '../../telemetry/attributes.ts';

export interface FindingGroup {
  /** The same for the same finding in another report. */
  readonly id: string;
  readonly rule: string;
  readonly service: string;
  readonly operation: string;
  /** `function (file:line:column)`: of the line that cancelled, or that started what ran on. Undefined: none is known. */
  readonly origin: string | undefined;
  readonly count: number;
  /** The first ones. */
  readonly examples: readonly Example[];
}

export interface Example {
  readonly traceId: string;
  readonly spanId: string;
  readonly title: string;
  readonly detail: string;
}

/** Of one group: more of the same say nothing new. */
const MAX_EXAMPLES = 5;
/** Of a rule. */
const MAX_GROUPS = 2_000;
const MAX_RULES = 100;

export class FindingGroups {
  /** By their rules: none has to make room for another one. */
  readonly #rules = new Tallies(
    (rule = '') =>
      new Tallies(
        (service = '', operation = '', place = '') => ({
          id: idOf(rule, service, operation, place),
          ...{ rule, service, operation, origin: undefined as string | undefined, count: 0 },
          examples: [] as Example[],
        }),
        MAX_GROUPS,
      ),
    MAX_RULES,
  );

  /** @param owner the parent of its span, where it is at hand */
  add({ rule, detail, span }: Finding, owner: ExportedSpan | undefined): void {
    const subject = span.name === SPAN_WORK_AFTER_CANCEL ? (owner ?? span) : span;
    const origin = originOf(span, owner);
    const group = this.#rules.of(rule).of(span.serviceName, operationOf(subject), placeOf(origin));
    group.count++;
    group.origin ??= origin;
    if (group.examples.length < MAX_EXAMPLES) {
      const { traceId, spanId } = span;
      group.examples.push({ traceId, spanId, title: titleOf(span), detail });
    }
  }

  /** In the order in which they were found. */
  groups(): FindingGroup[] {
    return this.#rules.all().flatMap((groups) => groups.all());
  }
}

/** By their rules, that which fired most often first. */
export function groupsByRule(groups: readonly FindingGroup[]): {
  readonly rule: string;
  readonly count: number;
  readonly groups: readonly FindingGroup[];
}[] {
  const rules = new Map<string, FindingGroup[]>();
  for (const group of groups) rules.set(group.rule, [...(rules.get(group.rule) ?? []), group]);
  return [...rules]
    .map(([rule, of]) => ({ rule, count: countOf(of), groups: of }))
    .sort((a, b) => b.count - a.count);
}

export function countOf(groups: readonly FindingGroup[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** Its own, or the line that started it, as the operation that it was for tells. */
function originOf(span: ExportedSpan, owner: ExportedSpan | undefined): string | undefined {
  const own = cancelOf(span)?.origin;
  if (own !== undefined || owner === undefined) return own;
  const started = owner.events
    .filter(
      ({ name, attributes }) =>
        name === EVENT_CANCEL_PENDING && attributes[ATTR_CANCEL_PENDING_NAME] === span.name,
    )
    .flatMap(({ attributes }) => attributes[ATTR_CANCEL_PENDING_ORIGIN] ?? []);
  // Of several of that name nobody can say which it is.
  return new Set(started).size === 1 ? String(started[0]) : undefined;
}

/** Without what changes by an edit elsewhere, or on another machine. */
function placeOf(origin: string | undefined): string {
  if (origin === undefined) return '';
  const [, fn = '', file = origin] = /^(?:(.*?) \()?(.*?)(?::\d+)*\)?$/.exec(origin) ?? [];
  return `${fn} ${file.split(/[\\/]/).at(-1)}`;
}

function idOf(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 16);
}
