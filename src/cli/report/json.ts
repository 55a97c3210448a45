/** A report for programs, and for `--baseline`. */
import type { PathHop } from '../../spans/path/cancel-path.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { PACKAGE_VERSION } from '../../version.ts';
import type { Judged } from './formats.ts';

/** Changes when something that was there is not any more, or means something else. */
export const REPORT_VERSION = 1;

/** @returns a document of JSON, with its line break */
export function writeJson({ report, failures, known }: Judged): string {
  const { paths, findings, ...others } = report;
  const document = {
    report: REPORT_VERSION,
    madeBy: PACKAGE_VERSION,
    passed: failures.length === 0,
    failures,
    ...others,
    findings: findings.map((group) => ({
      ...group,
      ...(known === undefined ? {} : { isNew: !known.has(group.id) }),
    })),
    paths: paths.map(({ traceId, wastedMs, hops }) => ({ traceId, wastedMs, hops: hops.map(fieldsOf) })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function fieldsOf({ span, ...hop }: PathHop): object {
  return { ...hop, ...(span && identityOf(span)) };
}

function identityOf({ traceId, spanId, name, kind }: ExportedSpan): object {
  return { traceId, spanId, name, kind };
}
