/** From a raw stack to the line of application code that a reader wants. */
import type { CapturedStack } from '../operation/captured-stack.ts';
import { cut } from '../operation/cut.ts';
import type { Stack } from '../operation/evidence.ts';
import { type Frame, formatStack, parseFrame } from './frame.ts';
import { isOwnFrame } from './own-files.ts';

export interface Origin {
  /** One frame a line, from the first frame outside of Node and of this package. */
  readonly stacktrace: string;
  /** First frame of application code: not Node's, not ours and, where there is such a one, not in node_modules. */
  readonly frame: Frame | undefined;
}

const MAX_STACK_LENGTH = 16 * 1024;
const MAX_ORIGIN_LENGTH = 256;
const NODE_INTERNAL = /^(?:node:|internal\/|native$)/;

/** One stack may be that of ten thousand operations, when it ends the process. */
const origins = new WeakMap<CapturedStack, Origin | undefined>();
/** What was read of a text, the last ones: many operations are started, and cancelled, on the same line. */
const originsOfTexts = new Map<string, Origin | undefined>();
const MAX_TEXTS = 50;

/** Reads a stack (which formats it when it was captured unread). Undefined when there is no frame to show. */
export function originOf(stack: Stack | undefined): Origin | undefined {
  if (typeof stack !== 'object') return readOrigin(stack);
  if (!origins.has(stack)) origins.set(stack, readOrigin(formatStack(stack), stack.earlier));
  return origins.get(stack);
}

function readOrigin(text: string | undefined, earlier?: CapturedStack): Origin | undefined {
  if (text === undefined) return undefined;
  if (earlier !== undefined) return readLines(text, earlier);
  if (!originsOfTexts.has(text)) {
    if (originsOfTexts.size === MAX_TEXTS) originsOfTexts.clear();
    originsOfTexts.set(text, readLines(text, undefined));
  }
  return originsOfTexts.get(text);
}

function readLines(text: string, earlier: CapturedStack | undefined): Origin | undefined {
  const lines: string[] = [];
  let own: Frame | undefined;
  let library: Frame | undefined;
  let above: Frame | undefined;
  for (const line of text.split('\n')) {
    const frame = parseFrame(line);
    const isOwn = frame !== undefined && isOwnFrame(frame, above);
    if (isOwn) continue;
    above = frame;
    if (frame === undefined) continue;
    const isInternal = NODE_INTERNAL.test(frame.file);
    if (isInternal && lines.length === 0) continue;
    lines.push(line);
    if (isInternal) continue;
    library ??= frame;
    if (own === undefined && !isInPackage(frame.file)) own = frame;
  }
  const before = own === undefined ? originOf(earlier) : undefined;
  if (before !== undefined) {
    lines.push(before.stacktrace);
    if (before.frame !== undefined && !isInPackage(before.frame.file)) own = before.frame;
    library ??= before.frame;
  }
  if (lines.length === 0) return undefined;
  return { stacktrace: cut(lines.join('\n'), MAX_STACK_LENGTH), frame: own ?? library };
}

/** True when nobody but Node is on the stack: neither the application nor a library, those left out that only watch as we do. */
export function isOfNode(stack: Stack | undefined): boolean {
  if (typeof stack === 'object' && stack.earlier !== undefined) return false;
  const text = typeof stack === 'object' ? formatStack(stack) : stack;
  let above: Frame | undefined;
  for (const line of text?.split('\n') ?? []) {
    const frame = parseFrame(line);
    if (frame !== undefined && isOwnFrame(frame, above)) continue;
    if (frame !== undefined && !isUnnoticed(frame.file)) return false;
    above = frame;
  }
  return true;
}

function isUnnoticed(file: string): boolean {
  return NODE_INTERNAL.test(file) || /[\\/]node_modules[\\/]@opentelemetry[\\/]/.test(file);
}

/** Undefined when no frame is of the application itself. */
export function applicationFrameOf(stack: Stack | undefined): Frame | undefined {
  const frame = originOf(stack)?.frame;
  return frame === undefined || isInPackage(frame.file) ? undefined : frame;
}

/** True when no frame is of the application itself. */
export function isOfLibrary(stack: Stack | undefined): boolean {
  return applicationFrameOf(stack) === undefined;
}

/** A library that ends something from a timer, without a word on why, watches a time limit of its own (superagent, ky). */
export function isTimerOfLibrary(stack: Stack | undefined): boolean {
  const origin = originOf(stack);
  if (origin?.frame === undefined || !isInPackage(origin.frame.file)) return false;
  return /\(node:internal\/timers:/.test(origin.stacktrace);
}

export function isOfNodeItself(file: string): boolean {
  return NODE_INTERNAL.test(file);
}

export function isInPackage(file: string): boolean {
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
