/**
 * The work that a handler does for nobody: from the cancel of its operation until it settles. On the client's
 * side, that of whoever goes on receiving what he has cancelled: until his stream has ended.
 *
 * A handler says that it goes on by what it does (writes, ends, receives, starts outgoing operations), by its
 * promise, and by the spans that others make of its work. The span is made when the work is over, so a handler that
 * stops when told leaves nothing.
 */
import { type InspectOptions, inspect, types } from 'node:util';
import { context, ROOT_CONTEXT, type Tracer } from '@opentelemetry/api';
import type { Guard } from '../operation/guard.ts';
import type { AsyncResources } from './async-resources.ts';
import type { SpentOn } from './attributes.ts';
import { LateWork, type Outgoing } from './late-work.ts';
import { writeLateWork } from './late-work-span.ts';
import type { Metrics } from './metrics.ts';
import type { OperationRecord } from './operation-record.ts';
import { OwnedSpan } from './owned-span.ts';
import { spentOn, undoes } from './spent-on.ts';
import { rowOf } from './systems.ts';
import type { WorkAnnouncements } from './work-announcements.ts';

export interface WorkLimits {
  /** Whether work is to end with what it is for: otherwise it is no finding, however long. */
  readonly workEndsWithRequest: boolean;
  /** Work for longer than this is a finding. */
  readonly workAfterCancelMs: number;
  /** Work for longer than this is given up as never settling. */
  readonly maxWorkAfterCancelMs: number;
}

/** What is over so soon after the cancel, a handler that started nothing new or what was made for it, stopped when told. */
export const STOPPED_WHEN_TOLD_MS = 20;
/** So long without a sign of work, and a handler that has no promise and ended nothing has stopped. */
const QUIET_MS = 1_000;
/** How often the promises of handlers are looked at: nobody may listen to them. */
const LOOK_EVERY_MS = 10;

export class WorkAfterCancel {
  readonly #tracer: () => Tracer;
  readonly #limits: WorkLimits;
  readonly #metrics: Metrics;
  readonly #guard: Guard;
  readonly #announcements: WorkAnnouncements | undefined;
  readonly #asyncResources: AsyncResources | undefined;
  readonly #onTimer: () => void;
  /** Handlers that go on. */
  readonly #active = new Set<LateWork>();
  #timer: NodeJS.Timeout | undefined;

  /** @param announcements and `asyncResources` when they are asked for */
  constructor(
    tracer: () => Tracer,
    limits: WorkLimits,
    metrics: Metrics,
    guard: Guard,
    announcements: WorkAnnouncements | undefined,
    asyncResources: AsyncResources | undefined,
  ) {
    this.#tracer = tracer;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#guard = guard;
    this.#announcements = announcements;
    this.#asyncResources = asyncResources;
    this.#onTimer = guard(() => this.#look());
  }

  /** The operation has just been cancelled, or its handler returned a promise after that. */
  watch(operation: OperationRecord): void {
    const { handled, cancellation } = operation;
    const cancelledAtMs = cancellation?.atMs ?? performance.now();
    const promise = isPending(handled) ? handled : undefined;
    operation.lateWork ??= new LateWork(operation, cancelledAtMs);
    operation.lateWork.promise = promise;
    this.#announcements?.watch(operation.lateWork);
    if (promise !== undefined) this.#activate(operation.lateWork);
  }

  /** @param isEnd true when the handler will write no more */
  write(operation: OperationRecord, isEnd: boolean): void {
    const work = this.#sign(operation);
    if (work === undefined) return;
    work.writes++;
    if (isEnd && work.promise === undefined) this.#settle(work, work.lastSignMs, true);
  }

  /** The application is given a message. */
  message(operation: OperationRecord): void {
    const { cancellation, side } = operation;
    // What the peer sent before it cancelled is there to be read.
    if (cancellation === undefined || (side === 'client' && cancellation.initiator === 'peer')) return;
    // Not once more, after it was given up.
    const isWatched = performance.now() - cancellation.atMs < this.#limits.maxWorkAfterCancelMs;
    if (side === 'client' && isWatched) operation.lateWork ??= new LateWork(operation, cancellation.atMs);
    const work = this.#sign(operation);
    if (work !== undefined) work.messages++;
  }

  /** The handler is done, though nobody has looked yet. */
  returned({ lateWork }: OperationRecord): void {
    if (lateWork?.promise !== undefined) lateWork.returned(performance.now());
  }

  /** The handler answers, without a message; or the stream that was received from has ended. */
  end(operation: OperationRecord): void {
    const work = this.#sign(operation);
    if (work !== undefined && work.promise === undefined) this.#settle(work, work.lastSignMs, true);
  }

  operationStarted(owner: OperationRecord, operation: OperationRecord): void {
    const work = this.#sign(owner);
    if (work === undefined) return;
    work.forget(operation.span);
    if (work.wentOut(operation)) work.operations++;
  }

  operationEnded(owner: OperationRecord, operation: OperationRecord): void {
    const work = this.#sign(owner);
    if (work === undefined) return;
    const { system, cancellation } = operation;
    work.cameBack(operation, rowOf(system).spentOn, work.lastSignMs, cancellation !== undefined);
    if (isCleanUp(work, operation)) work.cleanedUp(operation, work.lastSignMs);
  }

  /** A span of others. @returns false when it is inside of another that went out */
  wentOut(owner: OperationRecord, owned: OwnedSpan): boolean {
    return this.#sign(owner)?.wentOut(owned) ?? true;
  }

  /** It has ended. */
  cameBack(owner: OperationRecord, owned: OwnedSpan, on: SpentOn | undefined, atMs: number): void {
    const work = this.#sign(owner, atMs);
    work?.cameBack(owned, on, atMs);
    if (work !== undefined && isCleanUp(work, owned)) work.cleanedUp(owned, atMs);
  }

  /** It went out when the owner had long been cancelled. */
  countLate({ lateWork }: OperationRecord): void {
    if (lateWork !== undefined) lateWork.operations++;
  }

  /** @param isProof that somebody waited for it */
  internalEnded(owner: OperationRecord, isProof: boolean, atMs: number): void {
    this.#sign(owner, atMs, isProof);
  }

  /** The process ends or the instrumentation is switched off: what goes on is recorded as not settled. */
  close(): void {
    const nowMs = performance.now();
    this.#announcements?.close();
    for (const work of this.#active) this.#settleSafely(work, nowMs, false);
  }

  #sign(operation: OperationRecord, atMs = performance.now(), isProof = true): LateWork | undefined {
    const work = operation.lateWork;
    if (work === undefined) return undefined;
    work.lastSignMs = Math.max(work.lastSignMs, atMs);
    if (isProof) work.lastProofMs = Math.max(work.lastProofMs, atMs);
    this.#announcements?.watch(work);
    this.#activate(work);
    return work;
  }

  #activate(work: LateWork): void {
    if (!this.#active.has(work)) {
      this.#active.add(work);
      this.#countActive(work, 1);
    }
    this.#timer ??= this.#lookLater();
  }

  /** The metrics are about handlers. */
  #countActive({ operation }: LateWork, change: 1 | -1): void {
    if (operation.side === 'server') this.#metrics.activeWork(operation, change);
  }

  #lookLater(): NodeJS.Timeout {
    // In no context: the timer is not for the operation that happens to be the first.
    return context.with(ROOT_CONTEXT, () => setTimeout(this.#onTimer, LOOK_EVERY_MS).unref());
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const work of this.#active) {
      if (work.promise !== undefined && !isPending(work.promise)) work.returned(nowMs);
      if (work.promise === undefined && work.open.size === 0 && isSilent(work, nowMs)) {
        this.#settleSafely(work, work.lastSignMs, true);
      } else if (nowMs - work.cancelledAtMs > this.#limits.maxWorkAfterCancelMs) {
        this.#settleSafely(work, isKnownToGoOn(work, nowMs) ? nowMs : work.lastSignMs, false);
      }
    }
    if (this.#active.size > 0) this.#timer = this.#lookLater();
  }

  /** One that fails does not keep the others from being settled. */
  #settleSafely(work: LateWork, atMs: number, isSettled: boolean): void {
    this.#guard(() => this.#settle(work, atMs, isSettled))();
  }

  #settle(work: LateWork, atMs: number, isSettled: boolean): void {
    if (this.#active.delete(work)) this.#countActive(work, -1);
    work.operation.lateWork = undefined;
    const wastedMs = atMs - work.cancelledAtMs;
    const asyncTypes = this.#asyncResources?.takeLate(work.operation, wastedMs, atMs) ?? [];
    if (wastedMs < STOPPED_WHEN_TOLD_MS && work.operations === 0 && work.messages === 0) return;
    for (const outgoing of work.open) work.cameBack(outgoing, spentOn(outgoing.span), atMs);
    if (work.operation.side === 'server') this.#metrics.workAfterCancel(work, wastedMs);
    // What is seen to go on is; of what has stopped, not all was waited for.
    const goneOnMs = atMs > work.lastSignMs ? wastedMs : work.lastProofMs - work.cancelledAtMs;
    const provenMs = goneOnMs - work.cleanUpMs;
    const isFinding =
      this.#limits.workEndsWithRequest &&
      !work.operation.hasDetached &&
      provenMs > this.#limits.workAfterCancelMs;
    if (isFinding) this.#metrics.finding(work.operation, 'work_after_cancel');
    if (work.isRecorded)
      writeLateWork(this.#tracer(), work, {
        wastedMs,
        isSettled,
        provenMs: isFinding ? provenMs : undefined,
        asyncTypes,
      });
  }
}

/** What is right to do when told: what begins at once may be, and what undoes something is. */
function isCleanUp({ cancelledAtMs }: LateWork, { span, startedAtMs }: Outgoing): boolean {
  const lateMs = startedAtMs - cancelledAtMs;
  return (lateMs >= 0 && lateMs < STOPPED_WHEN_TOLD_MS) || undoes(span);
}

/** False when nobody knows: what a client does between two messages, or whether a span of others will ever end. */
function isKnownToGoOn(work: LateWork, nowMs: number): boolean {
  if (work.operation.side === 'client') return false;
  if (work.promise !== undefined || !isSilent(work, nowMs)) return true;
  return [...work.open].some((outgoing) => !(outgoing instanceof OwnedSpan));
}

/** True when nothing more is to be expected of a handler that has no promise and started nothing that runs. */
function isSilent(work: LateWork, nowMs: number): boolean {
  // The end of what a client receives is told, and it may take its time between two messages.
  if (work.operation.side === 'client') return false;
  return work.returnedAtMs !== undefined || nowMs - work.lastSignMs > QUIET_MS;
}

/**
 * The only way to know without a handler of our own on the promise, which would change what an unhandled rejection
 * does. What inspect() returns has texts of the application in it, its results and errors, which may say anything. What it hands
 * to `stylize` is told apart: no text of the application comes in the style 'special' without brackets around it.
 */
function isPending(value: unknown): value is Promise<unknown> {
  if (!types.isPromise(value)) return false;
  let isFound = false;
  const stylize = (text: string, style: string): string => {
    if (style === 'special' && text === '<pending>') isFound = true;
    return text;
  };
  // `stylize` is what a custom inspect() function is given to hand on; the types of Node leave it out.
  const options: InspectOptions & { readonly stylize: typeof stylize } = {
    depth: 0,
    customInspect: false,
    showProxy: true,
    stylize,
  };
  try {
    inspect(value, options);
  } catch {
    // What it was rejected with may throw whatever is read of it: it is not pending.
  }
  return isFound;
}
