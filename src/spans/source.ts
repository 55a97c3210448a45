/** Where spans are read from: a file, or a Jaeger. */

import { readSpansFile } from './file.ts';
import { askJaeger, type JaegerQuestion } from './jaeger.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

export interface Source {
  readonly spans: readonly ExportedSpan[];
  /** What was asked, for messages. */
  readonly from: string;
}

/** @throws {UserError} when it cannot be read */
export async function readSpans(source: string, question: JaegerQuestion): Promise<Source> {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(source)) return { spans: await readSpansFile(source), from: source };
  if (!/^https?:/i.test(source) || !URL.canParse(source)) {
    throw new UserError(`${source}: no address of a Jaeger, which is one like http://localhost:16686`);
  }
  const { service, sinceMs } = question;
  const of = service === undefined ? '' : ` of the service ${service}`;
  const from = `${source}: of the last ${sinceMs / 60_000} minutes${of}`;
  return { spans: await askJaeger(source, question), from };
}
