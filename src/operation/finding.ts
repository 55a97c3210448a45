/** Broken propagation that a rule can name, the most serious first. */
export const FINDING_RULES = [
  'cancel_not_sent',
  'cancel_not_propagated',
  'deadline_already_past',
  'timeout_malformed',
  'deadline_dropped',
  'deadline_extended',
  'late_operation',
  'work_after_cancel',
  'context_lost',
] as const;

export type FindingRule = (typeof FINDING_RULES)[number];

/** True when `rule` should replace `current` as the rule that the span's attribute names. */
export function isMoreSerious(rule: FindingRule, current: FindingRule | undefined): boolean {
  return current === undefined || FINDING_RULES.indexOf(rule) < FINDING_RULES.indexOf(current);
}
