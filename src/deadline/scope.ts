/**
 * A piece of work with a time limit and somebody who waits for it: an incoming operation, or a part of one
 * that was given a limit of its own. Its signal is made when it is asked for, and freed with the scope.
 */
import { rememberSignalLimit } from '../cancellation/abort-origins.ts';
import type { Outcome } from '../operation/evidence.ts';
import type { WorkScope } from '../operation/operation.ts';

/** Its fields are not #private: the outer scope, found in the context, may be one of another copy of this package. */
export class Scope implements WorkScope {
  private limitAtMs: number;
  private readonly parent: Scope | undefined;
  /** Scopes within this one, which are told of its cancel. */
  private readonly children = new Set<Scope>();
  private controller: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  private outcome: Outcome | undefined;
  private isClosed = false;

  /** The limit of a scope is never later than its parent's. */
  constructor(deadlineAtMs: number, parent?: Scope) {
    this.limitAtMs = Math.min(deadlineAtMs, parent?.deadlineAtMs ?? Number.POSITIVE_INFINITY);
    this.parent = parent;
    this.outcome = parent?.outcome;
  }

  /** On the clock of performance.now(), in ms; Infinity: no limit. */
  get deadlineAtMs(): number {
    return this.limitAtMs;
  }

  /** Aborts when whoever waits is gone (AbortError) or the limit has passed (TimeoutError). */
  get signal(): AbortSignal {
    this.controller ??= this.createController();
    return this.controller.signal;
  }

  /** Leaves less time, never more. */
  narrow(deadlineAtMs: number): void {
    if (deadlineAtMs >= this.limitAtMs) return;
    this.limitAtMs = deadlineAtMs;
    if (this.controller !== undefined && !this.isClosed && this.outcome === undefined) {
      this.startTimer(this.controller);
    }
  }

  cancel(outcome: Outcome): void {
    if (this.isClosed || this.outcome !== undefined) return;
    this.outcome = outcome;
    clearTimeout(this.timer);
    this.controller?.abort(reasonFor(outcome));
    for (const child of this.children) child.cancel(outcome);
  }

  /** The work is done: no timer and no reference stays. The signal, if there is one, stays as it is. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.parent?.children.delete(this);
    this.children.clear();
  }

  private createController(): AbortController {
    const controller = new AbortController();
    if (this.outcome !== undefined) {
      controller.abort(reasonFor(this.outcome));
    } else if (!this.isClosed) {
      this.parent?.children.add(this);
      this.startTimer(controller);
    }
    return controller;
  }

  private startTimer(controller: AbortController): void {
    clearTimeout(this.timer);
    const { limitAtMs } = this;
    if (limitAtMs === Number.POSITIVE_INFINITY) return;
    rememberSignalLimit(controller.signal, { atMs: limitAtMs, stack: undefined });
    const leftMs = limitAtMs - performance.now();
    if (leftMs <= 0) {
      this.outcome = 'deadline_exceeded';
      controller.abort(reasonFor(this.outcome));
    } else if (leftMs <= MAX_TIMER_MS) {
      this.timer = setTimeout(() => this.cancel('deadline_exceeded'), leftMs).unref();
    }
  }
}

/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Tells who listens which of the two it was. */
function reasonFor(outcome: Outcome): DOMException {
  return outcome === 'canceled'
    ? new DOMException('the incoming request was cancelled', 'AbortError')
    : new DOMException('the deadline has passed', 'TimeoutError');
}
