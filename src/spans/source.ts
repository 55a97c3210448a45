/** Where spans are read from: a file, what is piped in, or a Jaeger. They come some at a time, and are not held here. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readSpansFile } from './file.ts';
import { askJaeger, type JaegerQuestion } from './jaeger.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

/** In the folder of a recording. */
export const SPANS_FILE = 'spans.jsonl';

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
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(source)) yield* readSpansFile(await fileOf(source), reading);
  else if (isJaegerAddress(source)) yield* askJaeger(source, question, reading);
  else throw new UserError(`${source}: no address of a Jaeger, which is one like http://localhost:16686`);
}

export function isJaegerAddress(source: string): boolean {
  return /^https?:/i.test(source) && URL.canParse(source);
}

/** A folder stands for the spans in it. */
async function fileOf(source: string): Promise<string> {
  const isFolder = (await stat(source).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder) return source;
  const file = join(source, SPANS_FILE);
  if ((await stat(file).catch(() => undefined))?.isFile() === true) return file;
  throw new UserError(`${source}: a folder without ${SPANS_FILE}, which a recording has. Name a file in it`);
}
