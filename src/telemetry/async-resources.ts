/**
 * What the handler of an incoming operation was waiting for when that was cancelled, as Node sees it: its
 * promises, timers, sockets, lookups and file accesses that were not over, and the lines that made them.
 *
 * Node tells of the end of a timer up to one turn of the event loop late, so the very last ones may be counted.
 * Only for those who ask for it: once there is a hook, Node reports every promise of the process.
 */
import { type AsyncHook, createHook } from 'node:async_hooks';
import { context } from '@opentelemetry/api';
import { formatFrame, originOf } from '../cancellation/origin.ts';
import { CapturedStack } from '../operation/captured-stack.ts';
import type { Operation } from '../operation/operation.ts';
import {
  ATTR_CANCEL_ASYNC_COUNT,
  ATTR_CANCEL_ASYNC_ORIGIN,
  ATTR_CANCEL_ASYNC_TYPE,
  EVENT_CANCEL_ASYNC,
} from './attributes.ts';
import { isSuppressedIn, ownerIn } from './owner.ts';

/** More of them say nothing new of one operation, and each holds on to the functions of its stack. */
const MAX_RESOURCES = 1_000;
/** Of the most frequent types: a span holds 128 events. */
const MAX_EVENTS = 8;
/** Enough to leave Node's own frames: it is captured for every resource. */
const MAX_FRAMES = 12;
/** Stacks that are formatted to tell which line is the most common: a cancel must not hold up the process. */
const MAX_SAMPLES = 32;
/** Over within the tick, so never what an operation waits for. */
const NOISE: ReadonlySet<string> = new Set(['TickObject', 'Microtask']);

interface AsyncResource {
  readonly type: string;
  readonly stack: CapturedStack;
}

/** By async id, in the order in which they were made. */
type Resources = Map<number, AsyncResource>;

export class AsyncResources {
  readonly #of = new WeakMap<Operation, Resources>();
  /** From the async id of a resource that is pending to the collection that it is in. */
  readonly #holding = new Map<number, Resources>();
  readonly #hook: AsyncHook;

  constructor() {
    const made = (asyncId: number, type: string): void => {
      if (NOISE.has(type)) return;
      try {
        const resources = this.#toHold();
        if (resources === undefined) return;
        resources.set(asyncId, { type, stack: new CapturedStack(made, MAX_FRAMES) });
        this.#holding.set(asyncId, resources);
      } catch {
        // What a hook throws ends the process, and a context manager is somebody else's code.
      }
    };
    const over = (asyncId: number): void => {
      const resources = this.#holding.get(asyncId);
      if (resources === undefined) return;
      this.#holding.delete(asyncId);
      resources.delete(asyncId);
    };
    this.#hook = createHook({ init: made, destroy: over, promiseResolve: over });
  }

  open(): void {
    this.#hook.enable();
  }

  close(): void {
    this.#hook.disable();
    // Nobody tells of their end any more.
    for (const resources of this.#holding.values()) resources.clear();
    this.#holding.clear();
  }

  /** The operation has just been cancelled: writes what is pending on its span. */
  write(operation: Operation): void {
    const resources = this.#of.get(operation);
    if (resources === undefined) return;
    const stacksByType = new Map<string, CapturedStack[]>();
    for (const { type, stack } of resources.values()) {
      const stacks = stacksByType.get(type);
      if (stacks === undefined) stacksByType.set(type, [stack]);
      else stacks.push(stack);
    }
    const mostFrequent = [...stacksByType].sort(([, a], [, b]) => b.length - a.length).slice(0, MAX_EVENTS);
    for (const [type, stacks] of mostFrequent) {
      const origin = mostCommonOrigin(stacks.slice(0, MAX_SAMPLES));
      operation.span.addEvent(EVENT_CANCEL_ASYNC, {
        [ATTR_CANCEL_ASYNC_TYPE]: type,
        [ATTR_CANCEL_ASYNC_COUNT]: stacks.length,
        ...(origin !== undefined && { [ATTR_CANCEL_ASYNC_ORIGIN]: origin }),
      });
    }
    this.forget(operation);
  }

  /** The operation is over. */
  forget(operation: Operation): void {
    const resources = this.#of.get(operation);
    if (resources === undefined) return;
    for (const asyncId of resources.keys()) this.#holding.delete(asyncId);
    this.#of.delete(operation);
  }

  /** Where a resource that is made now is to be kept; undefined when it is nobody's, or nobody will ask. */
  #toHold(): Resources | undefined {
    const active = context.active();
    const owner = ownerIn(active);
    if (owner === undefined || owner.isSettled || owner.cancellation !== undefined) return undefined;
    if (!owner.span.isRecording() || isSuppressedIn(active)) return undefined;
    let resources = this.#of.get(owner);
    if (resources === undefined) {
      resources = new Map();
      this.#of.set(owner, resources);
    }
    return resources.size < MAX_RESOURCES ? resources : undefined;
  }
}

function mostCommonOrigin(stacks: readonly CapturedStack[]): string | undefined {
  const counts = new Map<string, number>();
  let mostCommon: string | undefined;
  for (const stack of stacks) {
    const frame = originOf(stack)?.frame;
    if (frame === undefined) continue;
    const origin = formatFrame(frame);
    const count = (counts.get(origin) ?? 0) + 1;
    counts.set(origin, count);
    if (mostCommon === undefined || count > (counts.get(mostCommon) ?? 0)) mostCommon = origin;
  }
  return mostCommon;
}
