/** Findings: counted, and written on the span. */

import type { Span } from '@opentelemetry/api';
import { type FindingRule, isMoreSerious } from '../operation/finding.ts';
import {
  ATTR_CANCEL_FINDING,
  ATTR_CANCEL_FINDING_DETAIL,
  ATTR_CANCEL_FINDING_RULE,
  EVENT_CANCEL_FINDING,
} from './attributes.ts';
import type { Metrics } from './metrics.ts';
import type { OperationRecord } from './operation-record.ts';
import type { Redaction } from './redaction.ts';

/** Adds a finding to an operation that is not over. */
export type AddFinding = (operation: OperationRecord, rule: FindingRule, detail: string) => void;

export function findingsCountedBy(metrics: Metrics, redact: Redaction): AddFinding {
  return (operation, rule, detail) => {
    if (operation.isSettled) return;
    metrics.finding(operation, rule);
    if (operation.span.isRecording())
      operation.finding = writeFinding(operation.span, operation.finding, rule, detail, redact);
  };
}

/**
 * @param current the rule that the span's attribute names already
 * @param redact unless all of `detail` is of our own making
 * @returns the rule that it names from now on
 */
export function writeFinding(
  span: Span,
  current: FindingRule | undefined,
  rule: FindingRule,
  detail: string,
  redact: Redaction = (attributes) => attributes,
): FindingRule {
  span.addEvent(EVENT_CANCEL_FINDING, {
    [ATTR_CANCEL_FINDING_RULE]: rule,
    ...redact({ [ATTR_CANCEL_FINDING_DETAIL]: detail }),
  });
  if (!isMoreSerious(rule, current)) return current ?? rule;
  span.setAttribute(ATTR_CANCEL_FINDING, rule);
  return rule;
}
