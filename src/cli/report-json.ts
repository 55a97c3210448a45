/** What the report tells, for programs: findings, and the paths of cancels. */

import type { Finding } from '../spans/findings.ts';
import type { CancelPath, PathHop } from '../spans/path/cancel-path.ts';
import type { ExportedSpan } from '../spans/span.ts';

/** @returns a document of JSON, with its line break */
export function writeReport(
  findings: readonly Finding[],
  paths: readonly CancelPath[],
  spanCount: number,
): string {
  const report = {
    spans: spanCount,
    findings: findings.map(({ rule, detail, span }) => ({
      rule,
      detail,
      service: span.serviceName,
      ...identityOf(span),
    })),
    paths: paths.map(({ traceId, wastedMs, hops }) => ({ traceId, wastedMs, hops: hops.map(fieldsOf) })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function fieldsOf({ span, ...hop }: PathHop): object {
  return { ...hop, ...(span && identityOf(span)) };
}

function identityOf({ traceId, spanId, name, kind }: ExportedSpan): object {
  return { traceId, spanId, name, kind };
}
