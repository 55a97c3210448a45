/** Findings as text: by rule, with the traces to look at. */

import { byRule, type Finding } from '../spans/findings.ts';
import type { CancelPath } from '../spans/path/cancel-path.ts';
import { titleOf } from '../spans/title.ts';
import { drawPaths } from './cancel-path-text.ts';
import { plain } from './text.ts';

/** Of one rule: more of the same say nothing new. */
const MAX_SHOWN = 5;

/** @returns lines, each with its line break */
export function drawReport(
  findings: readonly Finding[],
  paths: readonly CancelPath[],
  spanCount: number,
): string {
  let text = '';
  for (const [rule, found] of byRule(findings)) {
    text += `${plain(rule)}  ${found.length}\n`;
    for (const { detail, span } of found.slice(0, MAX_SHOWN)) {
      text += `  trace ${span.traceId}  ${plain(span.serviceName)}: ${plain(titleOf(span))}\n    ${plain(detail)}\n`;
    }
    if (found.length > MAX_SHOWN) text += `  … and ${found.length - MAX_SHOWN} more\n`;
  }
  if (paths.length > 0) text += `\n${drawPaths(paths)}\n`;
  return `${text}${findings.length} findings in ${spanCount} spans\n`;
}
