/**
 * An async resource and what led to it: the functions on the stack of whoever made it, and, where that ran in a callback, those
 * that led to what called back. V8 puts the functions that await into a stack itself, so promises are no steps of their own: a
 * handler that awaits one thing after the other is as deep at the end as at the beginning.
 */
import { parseFrame } from '../cancellation/frame.ts';
import { isInPackage, isOfNodeItself, originOf } from '../cancellation/origin.ts';
import type { CapturedStack } from '../operation/captured-stack.ts';
import { cut } from '../operation/cut.ts';

/** So many that led to one another are kept, and up to twice as many: a chain of timers may go on for ever. */
const MAX_CHAIN = 32;
const MAX_STACK_LENGTH = 4 * 1024;
const PROMISE = 'PROMISE';
/** Over within the tick, so never what anybody waits for. */
export const WITHIN_TICK: ReadonlySet<string> = new Set(['TickObject', 'Microtask']);

export class AsyncResource {
  readonly type: string;
  readonly stack: CapturedStack;
  /** On the clock of performance.now(). */
  readonly madeAtMs: number;
  /** In whose callback it was made, passing over promises. */
  callback: AsyncResource | undefined;
  /** The promise after which it was made. */
  continuation: AsyncResource | undefined;
  readonly #callbacks: number;
  readonly #continuations: number;

  /** @param running what is called back at this moment, of the same operation */
  constructor(type: string, stack: CapturedStack, madeAtMs: number, running: AsyncResource | undefined) {
    this.type = type;
    this.stack = stack;
    this.madeAtMs = madeAtMs;
    const isContinued = running?.type === PROMISE;
    this.callback = isContinued ? running.callback : running;
    this.continuation = isContinued ? running : undefined;
    this.#callbacks = this.callback === undefined ? 0 : this.callback.#callbacks + 1;
    this.#continuations = this.continuation === undefined ? 0 : this.continuation.#continuations + 1;
    if (this.#callbacks > 0 && this.#callbacks % MAX_CHAIN === 0) cutOff(this, 'callback');
    if (this.#continuations > 0 && this.#continuations % MAX_CHAIN === 0) cutOff(this, 'continuation');
  }
}

function cutOff(resource: AsyncResource, by: 'callback' | 'continuation'): void {
  let last: AsyncResource | undefined = resource;
  for (let steps = 0; steps < MAX_CHAIN && last !== undefined; steps++) last = last[by];
  if (last !== undefined) last[by] = undefined;
}

export interface Way {
  /** Functions of the application from the handler to whoever made it, both counted; 0: none is known. */
  readonly depth: number;
  /** One frame a line, the latest call first; empty where there is none. */
  readonly stacktrace: string;
}

/** Formats stacks. */
export function wayTo(resource: AsyncResource): Way {
  let depth = 0;
  const stacks: string[] = [];
  for (let at: AsyncResource | undefined = resource; at !== undefined; at = at.callback) {
    const { functions, stacktrace } = calledBy(at);
    depth += functions;
    if (stacktrace !== '') stacks.push(stacktrace);
  }
  return { depth, stacktrace: cut(stacks.join('\n'), MAX_STACK_LENGTH) };
}

/** Node and libraries go on after promises of their own, where V8 does not know who waits: who called them is on an earlier stack. */
function calledBy(resource: AsyncResource): { functions: number; stacktrace: string } {
  let first = '';
  for (let at: AsyncResource | undefined = resource; at !== undefined; at = at.continuation) {
    const stacktrace = originOf(at.stack)?.stacktrace ?? '';
    const functions = functionsIn(stacktrace);
    if (functions > 0) return { functions, stacktrace };
    if (first === '') first = stacktrace;
  }
  return { functions: 0, stacktrace: first };
}

function functionsIn(stacktrace: string): number {
  let count = 0;
  for (const line of stacktrace.split('\n')) {
    const frame = parseFrame(line);
    if (frame !== undefined && !isOfNodeItself(frame.file) && !isInPackage(frame.file)) count++;
  }
  return count;
}
