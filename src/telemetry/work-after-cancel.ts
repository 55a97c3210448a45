/**
 * The work that a handler does for nobody: from the cancel of its operation until it settles. On the client's
 * side, that of whoever goes on receiving what he has cancelled: until his stream has ended.
 *
 * A handler says that it goes on by what it does (writes, ends, receives, starts outgoing operations) and by its
 * promise. The span is made when the work is over, so a handler that stops when told leaves nothing.
 */
import { inspect, types } from 'node:util';
import { context, ROOT_CONTEXT, type Tracer, trace } from '@opentelemetry/api';
import type { Guard } from '../operation/guard.ts';
import {
  ATTR_CANCEL_LATE_MESSAGES,
  ATTR_CANCEL_LATE_OPERATIONS,
  ATTR_CANCEL_LATE_WRITES,
  ATTR_CANCEL_SETTLED,
  ATTR_CANCEL_WASTED_MS,
  SPAN_WORK_AFTER_CANCEL,
} from './attributes.ts';
import { writeFinding } from './findings.ts';
import { LateWork } from './late-work.ts';
import type { Metrics } from './metrics.ts';
import type { OperationRecord } from './operation-record.ts';
import { roundMs } from './round-ms.ts';

export interface WorkLimits {
  /** Work for longer than this is a finding. */
  readonly workAfterCancelMs: number;
  /** Work for longer than this is given up as never settling. */
  readonly maxWorkAfterCancelMs: number;
}

/** A handler that is done within this time of the cancel, and started nothing new, stopped when told. */
const STOPPED_WHEN_TOLD_MS = 20;
/** So long without a sign of work, and a handler that has no promise and ended nothing has stopped. */
const QUIET_MS = 1_000;
/** How often the promises of handlers are looked at: nobody may listen to them. */
const LOOK_EVERY_MS = 10;

export class WorkAfterCancel {
  readonly #tracer: () => Tracer;
  readonly #limits: WorkLimits;
  readonly #metrics: Metrics;
  readonly #guard: Guard;
  readonly #onTimer: () => void;
  /** Handlers that go on. */
  readonly #active = new Set<LateWork>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tracer: () => Tracer, limits: WorkLimits, metrics: Metrics, guard: Guard) {
    this.#tracer = tracer;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#guard = guard;
    this.#onTimer = guard(() => this.#look());
  }

  /** The operation has just been cancelled, or its handler returned a promise after that. */
  watch(operation: OperationRecord): void {
    const { handled, cancellation } = operation;
    const cancelledAtMs = cancellation?.atMs ?? performance.now();
    const promise = isPending(handled) ? handled : undefined;
    operation.lateWork ??= new LateWork(operation, cancelledAtMs);
    operation.lateWork.promise = promise;
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

  /** The handler answers, without a message; or the stream that was received from has ended. */
  end(operation: OperationRecord): void {
    const work = this.#sign(operation);
    if (work !== undefined && work.promise === undefined) this.#settle(work, work.lastSignMs, true);
  }

  operationStarted(owner: OperationRecord): void {
    const work = this.#sign(owner);
    if (work === undefined) return;
    work.operations++;
    work.openOperations++;
  }

  operationEnded(owner: OperationRecord): void {
    const work = this.#sign(owner);
    if (work !== undefined) work.openOperations--;
  }

  /** The process ends or the instrumentation is switched off: what goes on is recorded as not settled. */
  close(): void {
    const nowMs = performance.now();
    for (const work of this.#active) this.#settleSafely(work, nowMs, false);
  }

  #sign(operation: OperationRecord): LateWork | undefined {
    const work = operation.lateWork;
    if (work === undefined) return undefined;
    work.lastSignMs = performance.now();
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
      if (work.promise !== undefined && !isPending(work.promise)) {
        work.promise = undefined;
        work.isReturned = true;
        work.lastSignMs = nowMs;
      }
      if (work.promise === undefined && work.openOperations <= 0 && isSilent(work, nowMs)) {
        this.#settleSafely(work, work.lastSignMs, true);
      } else if (nowMs - work.cancelledAtMs > this.#limits.maxWorkAfterCancelMs) {
        // Nobody knows what a client that has not read to the end does between two messages.
        this.#settleSafely(work, work.operation.side === 'client' ? work.lastSignMs : nowMs, false);
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
    if (wastedMs < STOPPED_WHEN_TOLD_MS && work.operations === 0 && work.messages === 0) return;
    if (work.operation.side === 'server') this.#metrics.workAfterCancel(work.operation, wastedMs);
    const isFinding = wastedMs > this.#limits.workAfterCancelMs;
    if (isFinding) this.#metrics.finding(work.operation, 'work_after_cancel');
    if (work.isRecorded) this.#record(work, wastedMs, isSettled, isFinding);
  }

  #record(work: LateWork, wastedMs: number, isSettled: boolean, isFinding: boolean): void {
    const parent = trace.setSpan(work.operation.context, work.operation.span);
    const startTime = performance.timeOrigin + work.cancelledAtMs;
    const span = this.#tracer().startSpan(
      SPAN_WORK_AFTER_CANCEL,
      {
        startTime,
        attributes: {
          [ATTR_CANCEL_WASTED_MS]: roundMs(wastedMs),
          [ATTR_CANCEL_LATE_WRITES]: work.writes,
          [ATTR_CANCEL_LATE_MESSAGES]: work.messages,
          [ATTR_CANCEL_LATE_OPERATIONS]: work.operations,
          [ATTR_CANCEL_SETTLED]: isSettled,
        },
      },
      parent,
    );
    if (isFinding) {
      const who = work.operation.side === 'client' ? 'the receiver' : 'the handler';
      const detail = `${who} ${isSettled ? 'went on for' : 'is still running after'} ${Math.round(wastedMs)} ms`;
      writeFinding(span, undefined, 'work_after_cancel', detail);
    }
    span.end(startTime + wastedMs);
  }
}

/** True when nothing more is to be expected of a handler that has no promise and started nothing that runs. */
function isSilent(work: LateWork, nowMs: number): boolean {
  // The end of what a client receives is told, and it may take its time between two messages.
  if (work.operation.side === 'client') return false;
  return work.isReturned || nowMs - work.lastSignMs > QUIET_MS;
}

/**
 * The only way to know without a handler of our own on the promise, which would change what an
 * unhandled rejection does.
 */
function isPending(value: unknown): value is Promise<unknown> {
  return (
    types.isPromise(value) &&
    inspect(value, { depth: 0, customInspect: false, showProxy: true }).includes('<pending>')
  );
}
