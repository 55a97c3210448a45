/** From a raw stack to the line of application code that a reader wants. */
import { fileURLToPath } from 'node:url';
import type { Stack } from '../operation/evidence.ts';
import { cut } from './reason.ts';

export interface Frame {
  /** `<anonymous>` when the function has no name. */
  readonly functionName: string;
  /** A path, or the URL of what is no file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Origin {
  /** One frame a line, from the first frame outside of Node and of this package. */
  readonly stacktrace: string;
  /** First frame of application code: not Node's, not ours and, where there is such a one, not in node_modules. */
  readonly frame: Frame | undefined;
}

const MAX_STACK_LENGTH = 16 * 1024;
const MAX_ORIGIN_LENGTH = 256;
/** `at fn (file:1:2)`, `at async fn (file:1:2)`, `at file:1:2`; the file may itself hold parentheses and colons. */
const FRAME = /^\s*at (?:async )?(?:(.*?) \()?(?:(.+?):(\d+):(\d+))\)?$/;
const NODE_INTERNAL = /^(?:node:|internal\/|native$)/;
/** dist/ or src/ of this package: frames of ours say nothing about the application. */
const OWN_FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** Reads a stack (which formats it when it was captured unread). Undefined when there is no frame to show. */
export function originOf(stack: Stack | undefined): Origin | undefined {
  const text = typeof stack === 'object' ? formatStack(stack) : stack;
  if (text === undefined) return undefined;
  const lines: string[] = [];
  let own: Frame | undefined;
  let library: Frame | undefined;
  for (const line of text.split('\n')) {
    const frame = parseFrame(line);
    if (frame === undefined || frame.file.startsWith(OWN_FOLDER)) continue;
    const isInternal = NODE_INTERNAL.test(frame.file);
    if (isInternal && lines.length === 0) continue;
    lines.push(line);
    if (isInternal) continue;
    library ??= frame;
    if (own === undefined && !/[\\/]node_modules[\\/]/.test(frame.file)) own = frame;
  }
  if (lines.length === 0) return undefined;
  return { stacktrace: cut(lines.join('\n'), MAX_STACK_LENGTH), frame: own ?? library };
}

/** `function (file:line:column)`, at most 256 characters: of a longer one the start of the path is left out. */
export function formatFrame(frame: Frame): string {
  const functionName = cut(frame.functionName, 100);
  const position = `:${frame.line}:${frame.column}`;
  const room = MAX_ORIGIN_LENGTH - functionName.length - position.length - 3;
  const file = frame.file.length <= room ? frame.file : `…${frame.file.slice(frame.file.length - room + 1)}`;
  return `${functionName} (${file}${position})`;
}

export function parseFrame(line: string): Frame | undefined {
  const match = FRAME.exec(line);
  if (match === null) return undefined;
  const [, functionName, file, lineNumber, column] = match;
  if (file === undefined) return undefined;
  return {
    functionName: functionName === undefined || functionName === '' ? '<anonymous>' : functionName,
    file: toPath(file),
    line: Number(lineNumber),
    column: Number(column),
  };
}

function toPath(file: string): string {
  if (!file.startsWith('file:')) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

/**
 * An application may have set Error.prepareStackTrace (source-map-support does) and may return
 * something that is no string: what it returns as a string is used, anything else is formatted as V8 would.
 */
function formatStack(captured: { readonly stack: string }): string | undefined {
  const prepare = Error.prepareStackTrace;
  if (typeof prepare !== 'function') return asText(captured.stack);
  try {
    Error.prepareStackTrace = (error, sites) => {
      let text: unknown;
      try {
        text = prepare.call(Error, error, sites);
      } catch {
        text = undefined;
      }
      return typeof text === 'string' ? text : sites.map((site) => `    at ${String(site)}`).join('\n');
    };
    return asText(captured.stack);
  } finally {
    Error.prepareStackTrace = prepare;
  }
}

function asText(stack: unknown): string | undefined {
  return typeof stack === 'string' ? stack : undefined;
}
