/** Findings as text: by rule, with the traces to look at. */
import { ATTR_URL_FULL, ATTR_URL_PATH } from '@opentelemetry/semantic-conventions';
import type { ExportedSpan } from '../spans/span.ts';
import type { Finding } from './findings.ts';

/** Of one rule: more of the same say nothing new. */
const MAX_SHOWN = 5;

/** @returns lines, each with its line break */
export function drawReport(findings: readonly Finding[], spanCount: number): string {
  const byRule = new Map<string, Finding[]>();
  for (const finding of findings) {
    const others = byRule.get(finding.rule);
    if (others === undefined) byRule.set(finding.rule, [finding]);
    else others.push(finding);
  }
  const mostFrequent = [...byRule].sort(([, a], [, b]) => b.length - a.length);
  let text = '';
  for (const [rule, found] of mostFrequent) {
    text += `${plain(rule)}  ${found.length}\n`;
    for (const { detail, span } of found.slice(0, MAX_SHOWN)) {
      text += `  trace ${span.traceId}  ${plain(span.serviceName)}: ${plain(titleOf(span))}\n    ${plain(detail)}\n`;
    }
    if (found.length > MAX_SHOWN) text += `  … and ${found.length - MAX_SHOWN} more\n`;
  }
  return `${text}${findings.length} findings in ${spanCount} spans\n`;
}

/** HTTP spans are often called just GET: then the path tells them apart. */
function titleOf({ name, attributes }: ExportedSpan): string {
  if (name.includes('/')) return name;
  const url = String(attributes[ATTR_URL_FULL]);
  const path = attributes[ATTR_URL_PATH] ?? (URL.canParse(url) ? new URL(url).pathname : undefined);
  return path === undefined ? name : `${name} ${path}`;
}

/** Telemetry is written by strangers: no line breaks, no escape sequences. */
function plain(value: string): string {
  return value.replace(/\p{Cc}+/gu, ' ');
}
