/** What a server complies with, as a table. Pure. */

import { styleText } from 'node:util';
import type { Verdict } from '../comply/check.ts';
import type { Examination } from '../comply/examination.ts';
import { cell, code } from './report/markdown.ts';
import { drawTable } from './table.ts';
import { formatMs, plain } from './text.ts';

export interface Complied extends Examination {
  readonly address: string;
  readonly operation: string;
  readonly protocol: 'http1' | 'http2' | 'grpc';
  /** How many requests there could have been. */
  readonly most: number;
  readonly tookMs: number;
}

const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'cannot be told', 'not asked'];
const STYLES = { pass: 'green', fail: 'red', 'cannot be told': 'yellow', 'not asked': 'dim' } as const;
const PROTOCOLS = { http1: 'HTTP/1.1', http2: 'HTTP/2', grpc: 'gRPC' } as const;

export function drawComplied(complied: Complied, isColoured: boolean): string {
  const rows = complied.checks.map(({ verdict, asks, seen }) => [verdict, plain(asks), plain(seen)]);
  const table = drawTable(['verdict', 'asked', 'seen'], rows, []);
  const painted = table.replace(/^ {2}(pass|fail|cannot be told|not asked)/gm, (_, verdict: Verdict) =>
    isColoured ? `  ${styleText(STYLES[verdict], verdict, { validateStream: false })}` : `  ${verdict}`,
  );
  return `${headOf(complied)}\n\n${painted}\n${footOf(complied)}\n`;
}

export function markdownOfComplied(complied: Complied): string {
  const rows = complied.checks.map(
    ({ verdict, asks, seen }) =>
      `| ${verdict === 'fail' ? '**fail**' : verdict} | ${cell(asks)} | ${code(seen)} |`,
  );
  return [
    `# ${code(headOf(complied))}`,
    '',
    '| verdict | asked | seen |',
    '|---|---|---|',
    ...rows,
    '',
    footOf(complied),
    '',
  ].join('\n');
}

function headOf({ address, operation, protocol, fullMs }: Complied): string {
  return `${address}, ${plain(operation)}, ${PROTOCOLS[protocol]}: takes ${formatMs(fullMs)} without a limit`;
}

function footOf({ checks, requestCount, most, tookMs }: Complied): string {
  const counts = VERDICTS.map(
    (verdict) => `${checks.filter((check) => check.verdict === verdict).length} ${verdict}`,
  );
  return `${counts.join(', ')}; ${requestCount} requests of at most ${most}, ${formatMs(tookMs)}`;
}
