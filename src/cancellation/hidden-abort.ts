/**
 * Errors that hide what they come from: a library whose request is ended by a signal, or by a limit, makes one of its own (axios'
 * CanceledError, got's TimeoutError). Its name proves nothing; what it keeps, and where it was made, does.
 */
import type { Stack, Trigger } from '../operation/evidence.ts';
import type { Cancellation } from '../operation/operation.ts';
import { type Frame, formatStack, parseFrame } from './frame.ts';
import { isInPackage, isOfNodeItself, isTimerOfLibrary } from './origin.ts';
import { isOwnFrame } from './own-files.ts';
import { isErrorLike, stackOf } from './reason.ts';

/** Node's, which tell the listeners of a signal. */
const TELLING = 'node:internal/abort_controller';
const TIMERS = 'node:internal/timers';
const MAX_CAUSE_DEPTH = 8;

/** What ends a request that way; other calls are of whoever has met with a failure. */
const ENDS: ReadonlySet<Trigger> = new Set(['abort', 'signal_timeout', 'timeout', 'deadline']);

/** True when an error comes from what has ended a request. False when that is not certain. */
export function comesFrom(error: unknown, { reason, stack, trigger }: Cancellation): boolean {
  if (!ENDS.has(trigger) || !isErrorLike(error)) return false;
  if (Object.is(error, reason)) return true;
  const frames = framesOf(stackOf(error));
  // One that the application makes is its own word on the matter, whatever its cause.
  const isOfLibrary = frames.every(({ file }) => isOfNodeItself(file) || isInPackage(file));
  if (isOfLibrary && isCauseOf(reason, error)) return true;
  if (trigger === 'abort') return wasMadeByAbort(frames, stack);
  return trigger === 'signal_timeout' && (frames.some(isTelling) || wasMadeByTimer(frames, stack));
}

function isCauseOf(reason: unknown, error: { readonly cause?: unknown }): boolean {
  let { cause } = error;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH && isErrorLike(cause); depth++) {
    if (Object.is(cause, reason)) return true;
    cause = cause.cause;
  }
  return false;
}

/** It was made by a listener of the signal, while abort() was called there. */
function wasMadeByAbort(frames: readonly Frame[], stack: Stack | undefined): boolean {
  if (!frames.some(isTelling)) return false;
  const [caller, other] = [callerOf(frames), callerOf(framesOf(stack))];
  // V8 cuts a stack after ten frames.
  return caller === undefined || (other !== undefined && isSamePlace(caller, other));
}

/** A library's timer has called abort(), and has made the error (ky). */
function wasMadeByTimer(frames: readonly Frame[], stack: Stack | undefined): boolean {
  if (!isTimerOfLibrary(stack) || !frames.some(({ file }) => file === TIMERS)) return false;
  return frames[0]?.file === callerOf(framesOf(stack))?.file;
}

/** Of abort(), by whose listeners others may have called it in turn. */
function callerOf(frames: readonly Frame[]): Frame | undefined {
  return frames[frames.findLastIndex(isTelling) + 1];
}

function isTelling({ file }: Frame): boolean {
  return file === TELLING;
}

function isSamePlace(one: Frame, other: Frame): boolean {
  return one.file === other.file && one.line === other.line && one.column === other.column;
}

/** Those of others than this package which were running, not those that waited. */
function framesOf(stack: Stack | undefined): Frame[] {
  const text = typeof stack === 'object' ? formatStack(stack) : stack;
  const frames: Frame[] = [];
  for (const line of text?.split('\n') ?? []) {
    if (/^\s*at async /.test(line)) break;
    const frame = parseFrame(line);
    if (frame !== undefined && !isOwnFrame(frame, frames.at(-1))) frames.push(frame);
  }
  return frames;
}
