/** From a raw stack to the line of application code that a reader wants. */
import { fileURLToPath } from 'node:url';
import type { Stack } from '../operation/evidence.ts';
import { isOwnFile } from './own-files.ts';
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
const FRAME = /^\s*at (?:async )?(.+)$/;
const PLACE = /^(.+):(\d+):(\d+)$/;
const NODE_INTERNAL = /^(?:node:|internal\/|native$)/;
/** Reads a stack (which formats it when it was captured unread). Undefined when there is no frame to show. */
export function originOf(stack: Stack | undefined): Origin | undefined {
  const text = typeof stack === 'object' ? formatStack(stack) : stack;
  if (text === undefined) return undefined;
  const lines: string[] = [];
  let own: Frame | undefined;
  let library: Frame | undefined;
  for (const line of text.split('\n')) {
    const frame = parseFrame(line);
    if (frame === undefined || isOwnFile(frame.file)) continue;
    const isInternal = NODE_INTERNAL.test(frame.file);
    if (isInternal && lines.length === 0) continue;
    lines.push(line);
    if (isInternal) continue;
    library ??= frame;
    if (own === undefined && !isInPackage(frame.file)) own = frame;
  }
  if (lines.length === 0) return undefined;
  return { stacktrace: cut(lines.join('\n'), MAX_STACK_LENGTH), frame: own ?? library };
}

/** True when no frame is of the application itself. */
export function isOfLibrary(stack: Stack | undefined): boolean {
  const frame = originOf(stack)?.frame;
  return frame === undefined || isInPackage(frame.file);
}

/** A library that ends something from a timer, without a word on why, watches a time limit of its own (superagent, ky). */
export function isTimerOfLibrary(stack: Stack | undefined): boolean {
  const origin = originOf(stack);
  if (origin?.frame === undefined || !isInPackage(origin.frame.file)) return false;
  return /\(node:internal\/timers:/.test(origin.stacktrace);
}

function isInPackage(file: string): boolean {
  return /[\\/]node_modules[\\/]/.test(file);
}

/** `function (file:line:column)`, at most 256 characters: of a longer one the start of the path is left out. */
export function formatFrame(frame: Frame): string {
  const functionName = cut(frame.functionName, 100);
  const position = `:${frame.line}:${frame.column}`;
  const room = MAX_ORIGIN_LENGTH - functionName.length - position.length - 3;
  const file = frame.file.length <= room ? frame.file : `…${endOf(frame.file, room - 1)}`;
  return `${functionName} (${file}${position})`;
}

/** The last `maxLength` UTF-16 units, without half a surrogate pair. */
function endOf(text: string, maxLength: number): string {
  const end = text.slice(-maxLength);
  const first = end.charCodeAt(0);
  return first >= 0xdc00 && first <= 0xdfff ? end.slice(1) : end;
}

export function parseFrame(line: string): Frame | undefined {
  const text = FRAME.exec(line)?.[1];
  if (text === undefined) return undefined;
  // A path may end in a parenthesis too, but never does a place: that ends in its column.
  const open = text.endsWith(')') ? text.indexOf(' (') : -1;
  const functionName = text.slice(0, Math.max(open, 0));
  const place = PLACE.exec(placeOfEval(open < 0 ? text : text.slice(open + 2, -1)));
  const file = place?.[1];
  if (file === undefined) return undefined;
  return {
    functionName: functionName === '' ? '<anonymous>' : functionName,
    file: toPath(file),
    line: Number(place?.[2]),
    column: Number(place?.[3]),
  };
}

/** Of `eval at fn (file:1:2), <anonymous>:3:4`, however deep, the `file:1:2` where eval() was called. */
function placeOfEval(place: string): string {
  let outer = place;
  while (outer.startsWith('eval at ')) {
    const open = outer.indexOf(' (');
    const close = outer.lastIndexOf(')');
    if (open < 0 || close < open) return outer;
    outer = outer.slice(open + 2, close);
  }
  return outer;
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
  const prepareText: typeof prepare = (error, sites) => {
    let text: unknown;
    try {
      text = prepare.call(Error, error, sites);
    } catch {
      text = undefined;
    }
    return typeof text === 'string' ? text : sites.map((site) => `    at ${String(site)}`).join('\n');
  };
  const isReplaced = Reflect.set(Error, 'prepareStackTrace', prepareText);
  try {
    return asText(captured.stack);
  } catch {
    return undefined; // theirs, which could not be replaced (a hardened realm), throws
  } finally {
    if (isReplaced) Error.prepareStackTrace = prepare;
  }
}

function asText(stack: unknown): string | undefined {
  return typeof stack === 'string' ? stack : undefined;
}
