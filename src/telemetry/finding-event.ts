/** A finding as it is written on a span. */

import type { Span } from '@opentelemetry/api';
import { type FindingRule, isMoreSerious } from '../operation/finding.ts';
import type { Operation } from '../operation/operation.ts';
import {
  ATTR_CANCEL_FINDING,
  ATTR_CANCEL_FINDING_DETAIL,
  ATTR_CANCEL_FINDING_RULE,
  EVENT_CANCEL_FINDING,
} from './attributes.ts';

/** Adds a finding to an operation that is not over. */
export type AddFinding = (operation: Operation, rule: FindingRule, detail: string) => void;

/**
 * @param current the rule that the span's attribute names already
 * @returns the rule that it names from now on
 */
export function writeFinding(
  span: Span,
  current: FindingRule | undefined,
  rule: FindingRule,
  detail: string,
): FindingRule {
  span.addEvent(EVENT_CANCEL_FINDING, {
    [ATTR_CANCEL_FINDING_RULE]: rule,
    [ATTR_CANCEL_FINDING_DETAIL]: detail,
  });
  if (!isMoreSerious(rule, current)) return current ?? rule;
  span.setAttribute(ATTR_CANCEL_FINDING, rule);
  return rule;
}
