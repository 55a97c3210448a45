/**
 * What the handler of an incoming operation was waiting for when that was cancelled, as Node sees it: its
 * promises, timers, sockets, lookups and file accesses that were not over, and the lines that made them. Of a handler
 * that goes on, also how long it waited for such after the cancel.
 *
 * Node tells of the end of a timer up to one turn of the event loop late, so the very last ones may be counted.
 * Only for those who ask for it: once there is a hook, Node reports every promise of the process.
 */
import { type AsyncHook, createHook, executionAsyncId } from 'node:async_hooks';
import { type Channel, channel } from 'node:diagnostics_channel';
import { type Attributes, context } from '@opentelemetry/api';
import { CANCEL_CHANNEL } from '../cancellation/cancel-channel.ts';
import { formatFrame, originOf } from '../cancellation/origin.ts';
import { CapturedStack } from '../operation/captured-stack.ts';
import type { Operation } from '../operation/operation.ts';
import { AsyncResource, type Way, WITHIN_TICK, wayTo } from './async-chain.ts';
import {
  ATTR_CANCEL_ASYNC_COUNT,
  ATTR_CANCEL_ASYNC_DEPTH,
  ATTR_CANCEL_ASYNC_ELAPSED_MS,
  ATTR_CANCEL_ASYNC_ORIGIN,
  ATTR_CANCEL_ASYNC_STACKTRACE,
  ATTR_CANCEL_ASYNC_TYPE,
  EVENT_CANCEL_ASYNC,
} from './attributes.ts';
import { LateAsync, type LateType } from './late-async.ts';
import { isSuppressedIn, ownerIn } from './owner.ts';
import type { Redaction } from './redaction.ts';
import { roundMs } from './round-ms.ts';

/** More of them say nothing new of one operation, and each holds on to the functions of its stack. */
const MAX_RESOURCES = 1_000;
/** Of the most frequent types: a span holds 128 events. */
const MAX_EVENTS = 8;
/** Enough to leave Node's own frames, and to get from there to the handler: it is captured for every resource. */
const MAX_FRAMES = 64;
/** Of each type, so many are looked at to tell lines and depth: a cancel must not hold up the process. */
const MAX_SAMPLES = 32;
/** Handlers that go on after their cancel, and are followed at a time: those that never end are not to be kept for ever. */
const MAX_LATE = 100;

/** Those of an operation that are pending, by async id, in the order in which they were made. */
interface Pending {
  readonly resources: Map<number, AsyncResource>;
  /** Since its cancel. */
  late: LateAsync | undefined;
}

export class AsyncResources {
  readonly #of = new WeakMap<Operation, Pending>();
  /** From the async id of a resource that is pending to the collection that it is in. */
  readonly #holding = new Map<number, Pending>();
  /** Those whose operation was cancelled, in that order. */
  readonly #late = new Set<Pending>();
  readonly #redact: Redaction;
  readonly #hook: AsyncHook;
  readonly #cancels: Channel = channel(CANCEL_CHANNEL);

  constructor(redact: Redaction) {
    this.#redact = redact;
    const made = (asyncId: number, type: string, triggerAsyncId: number): void => {
      if (WITHIN_TICK.has(type)) return;
      try {
        const pending = this.#toHold();
        if (pending === undefined) return;
        const { resources, late } = pending;
        const running = resources.get(executionAsyncId()) ?? resources.get(triggerAsyncId);
        const nowMs = performance.now();
        const resource = new AsyncResource(type, new CapturedStack(made, MAX_FRAMES), nowMs, running);
        resources.set(asyncId, resource);
        late?.made(resource, nowMs);
        this.#holding.set(asyncId, pending);
      } catch {
        // What a hook throws ends the process, and a context manager is somebody else's code.
      }
    };
    const over = (asyncId: number): void => {
      const pending = this.#holding.get(asyncId);
      if (pending === undefined) return;
      this.#holding.delete(asyncId);
      const { resources, late } = pending;
      if (late !== undefined) late.over(resources.get(asyncId) as AsyncResource, performance.now());
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
    for (const { resources } of this.#holding.values()) resources.clear();
    this.#holding.clear();
    this.#late.clear();
  }

  /** The operation has just been cancelled: writes what is pending on its span. */
  write(operation: Operation, atMs: number): void {
    if (this.#cancels.hasSubscribers) this.#cancels.publish({ operation });
    const pending = this.#of.get(operation);
    if (pending === undefined) return;
    const byType = new Map<string, AsyncResource[]>();
    for (const resource of pending.resources.values()) {
      const alike = byType.get(resource.type);
      if (alike === undefined) byType.set(resource.type, [resource]);
      else alike.push(resource);
    }
    const mostFrequent = [...byType].sort(([, a], [, b]) => b.length - a.length).slice(0, MAX_EVENTS);
    for (const [type, alike] of mostFrequent) {
      const [oldest] = alike as [AsyncResource, ...AsyncResource[]];
      const samples = samplesOf(alike);
      const origin = mostCommonOrigin(samples);
      const { depth, stacktrace } = deepest(samples);
      const attributes: Attributes = {
        [ATTR_CANCEL_ASYNC_TYPE]: type,
        [ATTR_CANCEL_ASYNC_COUNT]: alike.length,
        [ATTR_CANCEL_ASYNC_ELAPSED_MS]: roundMs(Math.max(atMs - oldest.madeAtMs, 0)),
        ...(origin !== undefined && { [ATTR_CANCEL_ASYNC_ORIGIN]: origin }),
        ...(depth > 0 && { [ATTR_CANCEL_ASYNC_DEPTH]: depth }),
        ...(stacktrace !== '' && { [ATTR_CANCEL_ASYNC_STACKTRACE]: stacktrace }),
      };
      operation.span.addEvent(EVENT_CANCEL_ASYNC, this.#redact(attributes));
    }
  }

  /** The operation was cancelled, and its handler may go on. */
  watch(operation: Operation, atMs: number): void {
    const pending = this.#of.get(operation);
    if (pending === undefined || pending.late !== undefined) return;
    pending.late = new LateAsync(pending.resources.values(), atMs);
    this.#late.add(pending);
    if (this.#late.size <= MAX_LATE) return;
    const [oldest] = this.#late;
    if (oldest !== undefined) this.#release(oldest);
  }

  /** Its handler has stopped. @param wastedMs how long it went on, up to `atMs` */
  takeLate(operation: Operation, wastedMs: number, atMs: number): LateType[] {
    const pending = this.#of.get(operation);
    if (pending?.late === undefined) return [];
    const types = this.#late.has(pending) ? pending.late.types(wastedMs, atMs, MAX_EVENTS) : [];
    this.#release(pending);
    this.#of.delete(operation);
    return types;
  }

  /** The operation is over, unless it was cancelled and its handler goes on. */
  forget(operation: Operation): void {
    const pending = this.#of.get(operation);
    if (pending === undefined || pending.late !== undefined) return;
    this.#release(pending);
    this.#of.delete(operation);
  }

  #release(pending: Pending): void {
    for (const asyncId of pending.resources.keys()) this.#holding.delete(asyncId);
    pending.resources.clear();
    this.#late.delete(pending);
  }

  /** Where a resource that is made now is to be kept; undefined when it is nobody's, or nobody will ask. */
  #toHold(): Pending | undefined {
    const active = context.active();
    const owner = ownerIn(active);
    if (owner === undefined) return undefined;
    let pending = this.#of.get(owner);
    if (owner.isSettled || owner.cancellation !== undefined) {
      if (pending === undefined || !this.#late.has(pending)) return undefined;
    } else if (!owner.span.isRecording()) return undefined;
    if (isSuppressedIn(active)) return undefined;
    if (pending === undefined) {
      pending = { resources: new Map(), late: undefined };
      this.#of.set(owner, pending);
    }
    return pending.resources.size < MAX_RESOURCES ? pending : undefined;
  }
}

/** From the first to the last. */
function samplesOf(resources: readonly AsyncResource[]): AsyncResource[] {
  if (resources.length <= MAX_SAMPLES) return [...resources];
  const step = (resources.length - 1) / (MAX_SAMPLES - 1);
  return Array.from(
    { length: MAX_SAMPLES },
    (_, index) => resources[Math.round(index * step)] as AsyncResource,
  );
}

function deepest(resources: readonly AsyncResource[]): Way {
  let found: Way = { depth: 0, stacktrace: '' };
  for (const resource of resources) {
    const way = wayTo(resource);
    if (way.depth > found.depth || found.stacktrace === '') found = way;
  }
  return found;
}

function mostCommonOrigin(resources: readonly AsyncResource[]): string | undefined {
  const counts = new Map<string, number>();
  let mostCommon: string | undefined;
  for (const { stack } of resources) {
    const frame = originOf(stack)?.frame;
    if (frame === undefined) continue;
    const origin = formatFrame(frame);
    const count = (counts.get(origin) ?? 0) + 1;
    counts.set(origin, count);
    if (mostCommon === undefined || count > (counts.get(mostCommon) ?? 0)) mostCommon = origin;
  }
  return mostCommon;
}
