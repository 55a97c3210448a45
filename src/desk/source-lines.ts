/**
 * Lines of a source file, for a frame of a stack. Only of a file that a stack of that trace names, inside of the folder in which
 * the program runs, and that is source: spans are written by strangers.
 */
import { readFile, realpath } from 'node:fs/promises';
import { extname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cancelOf } from '../spans/cancel.ts';
import type { StoredTrace } from './store.ts';

export interface SourceLines {
  readonly firstLine: number;
  readonly lines: readonly string[];
}

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.jsx', '.tsx'];
const AROUND = 3;
const MAX_BYTES = 2 ** 20;
const MAX_LINE_LENGTH = 300;

/** @returns undefined: it may not be shown, or is not there */
export async function sourceLinesOf(
  trace: StoredTrace,
  file: string,
  line: number,
  cwd: string,
): Promise<SourceLines | undefined> {
  if (
    !trace.spans.some((span) => cancelOf(span)?.stack?.includes(file)) ||
    !EXTENSIONS.includes(extname(file))
  )
    return undefined;
  try {
    const path = await realpath(file.startsWith('file:') ? fileURLToPath(file) : file);
    if (!path.startsWith((await realpath(cwd)) + sep) || path.includes(`${sep}.`)) return undefined;
    const text = await readFile(path, 'utf8');
    if (text.length > MAX_BYTES) return undefined;
    const firstLine = Math.max(1, line - AROUND);
    const lines = text.split('\n').slice(firstLine - 1, line + AROUND);
    return { firstLine, lines: lines.map((each) => each.slice(0, MAX_LINE_LENGTH)) };
  } catch {
    return undefined;
  }
}
