/** Where spans are read from: a file, what is piped in, or a Jaeger. They come some at a time, and are not held here. */

import { readSpansFile } from './file.ts';
import { askJaeger, type JaegerQuestion } from './jaeger.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

/** Who wants to know how it goes on. */
export interface Reading {
  /** What was not read, and why. */
  readonly onLeftOut?: (what: string) => void;
  /** How many bytes were read. */
  readonly onRead?: (bytes: number) => void;
}

/**
 * Each batch is some spans of any traces; one may come twice.
 *
 * @throws {UserError} when it cannot be read
 */
export async function* readSpans(
  source: string,
  question: JaegerQuestion,
  reading: Reading = {},
): AsyncGenerator<ExportedSpan[]> {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(source)) yield* readSpansFile(source, reading);
  else if (isJaegerAddress(source)) yield* askJaeger(source, question, reading);
  else throw new UserError(`${source}: no address of a Jaeger, which is one like http://localhost:16686`);
}

export function isJaegerAddress(source: string): boolean {
  return /^https?:/i.test(source) && URL.canParse(source);
}
