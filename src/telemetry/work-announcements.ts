/**
 * Says of each handler that is at work for a cancelled operation that it is, while it is: the span of its work comes when that is
 * over. Only when asked for, by spans that are over at once: whoever shows what happens at this moment needs nothing else.
 *
 * Said is only what is known: its promise is pending, or what it has started is. A handler that merely waits for a timer and
 * returned nothing cannot be told from one that has stopped.
 */
import { context, ROOT_CONTEXT, type Tracer, trace } from '@opentelemetry/api';
import { toUnixMs } from '../operation/clock.ts';
import type { Guard } from '../operation/guard.ts';
import { ATTR_CANCEL_SETTLED, ATTR_CANCEL_WORK_FOR, SPAN_WORK_GOES_ON } from './attributes.ts';
import type { LateWork } from './late-work.ts';
import { writePending } from './pending-events.ts';
import type { Redaction } from './redaction.ts';

/** What is over sooner, nobody could have seen. */
const AFTER_MS = 100;
const LOOK_EVERY_MS = 100;
/** Whoever hears nothing for longer knows that the process is gone. */
const SAY_EVERY_MS = 2_000;

export class WorkAnnouncements {
  readonly #tracer: () => Tracer;
  readonly #maxWorkAfterCancelMs: number;
  readonly #guard: Guard;
  readonly #redact: Redaction;
  readonly #onTimer: () => void;
  /** With when it was last said of each, on the clock of performance.now(). */
  readonly #watched = new Map<LateWork, number | undefined>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tracer: () => Tracer, maxWorkAfterCancelMs: number, redact: Redaction, guard: Guard) {
    this.#redact = redact;
    this.#tracer = tracer;
    this.#maxWorkAfterCancelMs = maxWorkAfterCancelMs;
    this.#guard = guard;
    this.#onTimer = guard(() => this.#look());
  }

  /** There may be work, or more of it. */
  watch(work: LateWork): void {
    if (work.operation.side !== 'server' || !work.isRecorded || this.#watched.has(work)) return;
    this.#watched.set(work, undefined);
    this.#timer ??= lookLater(this.#onTimer);
  }

  /** The process ends or the instrumentation is switched off. */
  close(): void {
    for (const [work, saidAtMs] of this.#watched) if (saidAtMs !== undefined) this.#saySafely(work, true);
    this.#watched.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const [work, saidAtMs] of this.#watched) {
      if (nowMs - work.cancelledAtMs < AFTER_MS) continue;
      if (this.#goesOn(work, nowMs)) {
        if (saidAtMs !== undefined && nowMs - saidAtMs < SAY_EVERY_MS) continue;
        this.#watched.set(work, nowMs);
        this.#saySafely(work, false);
      } else {
        // What it starts later has it watched again.
        this.#watched.delete(work);
        if (saidAtMs !== undefined) this.#saySafely(work, true);
      }
    }
    if (this.#watched.size > 0) this.#timer = lookLater(this.#onTimer);
  }

  #goesOn(work: LateWork, nowMs: number): boolean {
    if (work.operation.lateWork !== work || nowMs - work.cancelledAtMs > this.#maxWorkAfterCancelMs)
      return false;
    return work.promise !== undefined || work.open.size > 0;
  }

  /** One that fails does not keep the others from being told. */
  #saySafely(work: LateWork, isOver: boolean): void {
    this.#guard(() => this.#say(work, isOver))();
  }

  #say({ operation, cancelledAtMs, open }: LateWork, isOver: boolean): void {
    const { name } = operation.span as { readonly name?: unknown };
    const span = this.#tracer().startSpan(
      SPAN_WORK_GOES_ON,
      {
        startTime: toUnixMs(cancelledAtMs),
        attributes: {
          [ATTR_CANCEL_SETTLED]: isOver,
          ...(typeof name === 'string' && { [ATTR_CANCEL_WORK_FOR]: name }),
        },
      },
      trace.setSpan(operation.context, operation.span),
    );
    const nowMs = performance.now();
    if (!isOver) writePending(span, [...open], nowMs, this.#redact);
    span.end(toUnixMs(nowMs));
  }
}

/** In no context: the timer is not for the operation that happens to be the first. */
function lookLater(look: () => void): NodeJS.Timeout {
  return context.with(ROOT_CONTEXT, () => setTimeout(look, LOOK_EVERY_MS).unref());
}
