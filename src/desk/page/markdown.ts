/** A trace as text for an issue or a chat. Pure. */

import { titleOf } from '../../spans/title.ts';
import type { TraceSummary } from '../summary.ts';
import type { PlacedFinding } from './answers.ts';
import { ms, shortOrigin } from './format.ts';
import type { Row } from './rows.ts';
import { sentenceOf } from './sentence.ts';

export function markdownOf(
  summary: TraceSummary,
  rows: readonly Row[],
  findings: readonly PlacedFinding[],
  cwd: string,
): string {
  const lines = rows.map(({ span, depth, cancel }) => {
    const indent = '  '.repeat(depth);
    const said = cancel
      ? ` — **${cancel.outcome}** at ${ms(cancel.atMs - summary.startMs)}, ${cancel.initiator}, ${cancel.trigger}`
      : '';
    const where = cancel?.origin ? `, \`${shortOrigin(cancel.origin, cwd)}\`` : '';
    return `${indent}- ${plain(span.serviceName)} ${span.kind} ${plain(titleOf(span))} ${ms(span.durationMs)}${said}${where}`;
  });
  const found = findings.map(({ rule, detail }) => `- \`${rule}\`: ${plain(detail)}`);
  return [
    `**${plain(sentenceOf(summary, cwd))}**`,
    '',
    `trace \`${summary.traceId}\``,
    '',
    ...lines,
    ...(found.length > 0 ? ['', 'Findings:', '', ...found] : []),
    '',
  ].join('\n');
}

/** Names are written by strangers. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}<>[\]*_`|]/gu, ' ');
}
