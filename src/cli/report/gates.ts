/** What a report is to fail for, and what it fails for. */
import { ADVICE } from '../../spans/advice.ts';
import { UserError } from '../../spans/user-error.ts';
import { type Arguments, type Command, suggestionFor, UsageError } from '../arguments.ts';
import { groupsByRule } from './finding-groups.ts';
import type { Report } from './summary.ts';

/** A rule that may fire on what is right: shown, and no reason to fail unless it is named. */
const GUESS = 'context_lost';
const RULES = Object.keys(ADVICE);

export const GATE_OPTIONS: Command['options'] = {
  'fail-on': { type: 'string' },
  'max-cancel-rate': { type: 'string' },
  'max-wasted-ms': { type: 'string' },
  baseline: { type: 'string' },
};

export const GATE_USAGE: string = `  --fail-on RULES          fails for findings of these rules only, as in work_after_cancel,late_operation; none: for no finding
                           (default: of any but ${GUESS}, a guess)
  --max-cancel-rate N      fails when more than N % of the incoming operations were cancelled
  --max-wasted-ms N        fails when handlers went on for more than N ms in all after their operation was cancelled
  --baseline FILE          fails for findings only that this earlier report, by --format json, does not have
`;

export interface Gates {
  /** Undefined: all but the guess, those that are not known here as well. */
  readonly rules: readonly string[] | undefined;
  /** Percent. Undefined: any. */
  readonly maxCancelRate: number | undefined;
  readonly maxWastedMs: number | undefined;
}

/** @param others rules of which not spans tell @throws {UsageError} */
export function gatesIn({ values }: Arguments, others: readonly string[] = []): Gates {
  return {
    rules: rulesIn(values.get('fail-on'), [...others, ...RULES]),
    maxCancelRate: numberIn(values, 'max-cancel-rate', 'a number of percent'),
    maxWastedMs: numberIn(values, 'max-wasted-ms', 'a number of ms'),
  };
}

function rulesIn(named: string | undefined, known: readonly string[]): readonly string[] | undefined {
  if (named === undefined) return undefined;
  if (named === 'none') return [];
  const rules = named.split(',').map((rule) => rule.trim());
  const unknown = rules.find((rule) => !known.includes(rule));
  if (unknown === undefined) return rules;
  const near = suggestionFor(unknown, known);
  const all = near.includes('there is') ? '' : ` (there is none, ${known.join(', ')})`;
  throw new UsageError(`--fail-on: no rule ${unknown || 'without a name'}${near}${all}`);
}

function numberIn(values: Arguments['values'], name: string, what: string): number | undefined {
  const value = values.get(name);
  if (value === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(value)) throw new UsageError(`--${name} must be ${what}, but is ${value}`);
  return Number(value);
}

/** In a sentence each, what it fails for; none: it passes. @param known ids of findings that the baseline has */
export function failuresOf(report: Report, gates: Gates, known: ReadonlySet<string> | undefined): string[] {
  const { incoming, wastedMs } = report;
  const { maxCancelRate, maxWastedMs, rules } = gates;
  const isAsked = (rule: string): boolean => rules?.includes(rule) ?? rule !== GUESS;
  const failing = report.findings.filter(({ rule, id }) => isAsked(rule) && !known?.has(id));
  const failures = groupsByRule(failing).map(({ rule, count }) => failureOf(rule, count, known));
  if (maxCancelRate !== undefined) {
    // A rate of nothing would pass, whatever is wrong.
    if (incoming.count === 0)
      throw new UserError(
        `${report.source}: no incoming operation, so there is no rate for --max-cancel-rate`,
      );
    const rate = (100 * incoming.cancelledCount) / incoming.count;
    if (rate > maxCancelRate)
      failures.push(
        `cancel rate: ${rate.toFixed(1)} %, ${incoming.cancelledCount} of ${incoming.count} incoming operations; at most ${maxCancelRate} %`,
      );
  }
  if (maxWastedMs !== undefined && wastedMs > maxWastedMs)
    failures.push(`work for nobody: ${Math.round(wastedMs)} ms; at most ${maxWastedMs} ms`);
  return failures;
}

/** @param known ids of findings that the baseline has, of which there is none otherwise */
export function failureOf(rule: string, count: number, known: ReadonlySet<string> | undefined): string {
  const findings = count === 1 ? '1 finding' : `${count} findings`;
  return `${rule}: ${findings}${known === undefined ? '' : ' that the baseline does not have'}`;
}
