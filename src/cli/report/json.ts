/** A report for programs, and for `--baseline`. */
import type { PathHop } from '../../spans/path/cancel-path.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { PACKAGE_VERSION } from '../../version.ts';
import type { Judged } from './formats.ts';

/** Changes when something that was there is not any more, or means something else. */
export const REPORT_VERSION = 1;

/** @returns a document of JSON, with its line break */
export function writeJson(judged: Judged): string {
  return `${JSON.stringify(documentOf(judged), undefined, 2)}\n`;
}

export function documentOf({ report, failures, known }: Judged): object {
  const { paths, findings, ...others } = report;
  return {
    report: REPORT_VERSION,
    madeBy: PACKAGE_VERSION,
    passed: failures.length === 0,
    failures,
    ...others,
    findings: findings.map((group) => markNew(group, known)),
    paths: paths.map(({ traceId, wastedMs, hops }) => ({ traceId, wastedMs, hops: hops.map(fieldsOf) })),
  };
}

export function markNew(finding: { readonly id: string }, known: ReadonlySet<string> | undefined): object {
  return { ...finding, ...(known === undefined ? {} : { isNew: !known.has(finding.id) }) };
}

function fieldsOf({ span, ...hop }: PathHop): object {
  return { ...hop, ...(span && identityOf(span)) };
}

function identityOf({ traceId, spanId, name, kind }: ExportedSpan): object {
  return { traceId, spanId, name, kind };
}
