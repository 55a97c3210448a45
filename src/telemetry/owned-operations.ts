/**
 * Which outgoing operations are made for which incoming one, and what that says of either: what was pending,
 * what came late, what ran on, and what took longer than there was time.
 *
 * That an operation runs on is no fault in itself: somebody else may wait for it, or it may have to be finished. An application
 * that means it to says so (`detached()`, or `workEndsWithRequest: false`), and has no finding for it.
 */
import { type Context, type Span, trace } from '@opentelemetry/api';
import type { ResolvedConfig } from '../config.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { Guard } from '../operation/guard.ts';
import { createStopReason } from '../operation/stop-reason.ts';
import type { AddFinding } from './findings.ts';
import { beforeEnd, parentSpanIdOf } from './official-span.ts';
import type { OpenOperations } from './open-operations.ts';
import type { OperationRecord } from './operation-record.ts';
import { inheritedDeadlineAtMs } from './owner.ts';
import { StackBudget } from './stack-budget.ts';
import { STOPPED_WHEN_TOLD_MS, type WorkAfterCancel } from './work-after-cancel.ts';

/** Frames kept of whoever starts an outgoing operation: it is captured on operations that may well succeed. */
export const MAX_START_FRAMES = 16;
/** The same of a burst: the cost grows with each. */
const MAX_BURST_FRAMES = 4;
/** A deadline that is carried on is rounded to whole milliseconds on its way. */
const DEADLINE_SLACK_MS = 5;

export type OwnedSettings = Pick<
  ResolvedConfig,
  'capturePendingStack' | 'guessLostContext' | 'workEndsWithRequest'
>;

export class OwnedOperations {
  readonly #addFinding: AddFinding;
  readonly #workAfterCancel: WorkAfterCancel;
  readonly #judge: (operation: OperationRecord) => void;
  readonly #settings: OwnedSettings;
  readonly #open: OpenOperations;
  readonly #wholeStacks = new StackBudget();

  constructor(
    open: OpenOperations,
    addFinding: AddFinding,
    workAfterCancel: WorkAfterCancel,
    settings: OwnedSettings,
    guard: Guard,
  ) {
    this.#open = open;
    this.#addFinding = addFinding;
    this.#workAfterCancel = workAfterCancel;
    this.#judge = guard((operation) => {
      if (!operation.isSettled) this.ended(operation);
    });
    this.#settings = settings;
  }

  /**
   * An outgoing one.
   *
   * @param above whose callers started it
   * @param parent of its span, when it is known
   */
  started(operation: OperationRecord, above: StackTop, parent: Context | undefined): void {
    const { owner } = operation;
    if (owner !== undefined) this.#startedFor(owner, operation, above);
    else if (this.#settings.guessLostContext) this.#startedForNobody(operation, parent);
  }

  /** Before the operation is settled: findings may be added to it. */
  ended(operation: OperationRecord): void {
    if (operation.owner !== undefined) this.#endedFor(operation.owner, operation);
  }

  /**
   * The operation is cancelled. An official span that was made for it may end before its owner tells that the operation is
   * over: what is to be said of that is said before.
   */
  watchEnds({ pending }: OperationRecord): void {
    if (pending === undefined) return;
    for (const operation of pending)
      if (!operation.ownsSpan) beforeEnd(operation.span, () => this.#judge(operation));
  }

  /** Ends what is to end with the operation. */
  stopPending({ pending, stops }: OperationRecord): void {
    // Copies: what stops takes itself off the set.
    if (pending !== undefined) for (const operation of [...pending]) operation.stop?.(createStopReason());
    if (stops !== undefined) for (const stop of [...stops]) stop();
  }

  /** Of more than one incoming operation nobody could say which of them it was started for. */
  #startedForNobody(operation: OperationRecord, parent: Context | undefined): void {
    const incoming = this.#open.loneIncoming();
    if (incoming === undefined || hasParent(operation.span, parent)) return;
    const { name } = incoming.span as { readonly name?: unknown };
    const detail = `started without trace context while "${name}" was the only incoming operation`;
    this.#addFinding(operation, 'context_lost', detail);
  }

  #startedFor(owner: OperationRecord, operation: OperationRecord, above: StackTop): void {
    const { cancellation } = owner;
    if (cancellation !== undefined) {
      this.#workAfterCancel.operationStarted(owner, operation);
      const lateMs = operation.startedAtMs - cancellation.atMs;
      // Before that it is the clean-up of a handler that was told.
      if (!this.#settings.workEndsWithRequest || lateMs < STOPPED_WHEN_TOLD_MS) return;
      const detail = `started ${Math.round(lateMs)} ms after its incoming operation was cancelled`;
      this.#addFinding(operation, 'late_operation', detail);
    } else if (!owner.isSettled) {
      owner.pending ??= new Set();
      owner.pending.add(operation);
      if (this.#settings.capturePendingStack) {
        const isWhole = this.#wholeStacks.take(operation.startedAtMs);
        operation.startStack = new CapturedStack(above, isWhole ? MAX_START_FRAMES : MAX_BURST_FRAMES);
      }
      // Whoever owns the span may end it before it tells anybody that the operation is over.
      if (this.#settings.workEndsWithRequest && !operation.ownsSpan && hasDeadline(operation, owner))
        beforeEnd(operation.span, () => this.#judge(operation));
    }
  }

  #endedFor(owner: OperationRecord, operation: OperationRecord): void {
    const isPending = owner.pending?.delete(operation) === true;
    const { cancellation } = owner;
    if (isPending && this.#settings.workEndsWithRequest) this.#judgeTime(owner, operation);
    if (cancellation === undefined) {
      // A handler may answer that it was too slow.
      const missed = operation.cancellation?.outcome === 'deadline_exceeded';
      owner.limitSetAt = missed ? operation.cancellation?.stack : undefined;
      return;
    }
    if (operation.startedAtMs >= cancellation.atMs) {
      this.#workAfterCancel.operationEnded(owner, operation);
      return;
    }
    // Otherwise it was judged at the end of its span.
    if (!isPending) return;
    const ranOnMs = performance.now() - cancellation.atMs;
    if (operation.cancellation !== undefined || ranOnMs < STOPPED_WHEN_TOLD_MS) {
      owner.lateWork?.cameBack(operation, undefined, 0, operation.cancellation !== undefined);
      return;
    }
    this.#workAfterCancel.operationEnded(owner, operation);
    if (!this.#settings.workEndsWithRequest) return;
    const detail = `ran on for ${Math.round(ranOnMs)} ms after its incoming operation was cancelled`;
    this.#addFinding(operation, 'cancel_not_propagated', detail);
  }

  /** Only what was not stopped: a limit need not be declared, it may be a timer and an abort(). */
  #judgeTime(owner: OperationRecord, operation: OperationRecord): void {
    const { cancellation, deadline } = operation;
    const dueAtMs = inheritedDeadlineAtMs(operation.context, owner);
    const ranOnMs = performance.now() - dueAtMs;
    if (cancellation !== undefined || ranOnMs < STOPPED_WHEN_TOLD_MS) return;
    const ranOn = `ran on for ${Math.round(ranOnMs)} ms after the deadline of its incoming operation`;
    if (deadline === undefined) {
      this.#addFinding(operation, 'deadline_dropped', `${ranOn}: it has none that is known`);
      return;
    }
    const laterMs = deadline.atMs - dueAtMs;
    // It had the same one, and whoever was told of it is late.
    if (laterMs <= DEADLINE_SLACK_MS) return;
    this.#addFinding(operation, 'deadline_extended', `${ranOn}: its own is ${Math.round(laterMs)} ms later`);
  }
}

/** A span that is not recorded does not tell: without the context that it was made in, it is taken to have one. */
function hasParent(span: Span, parent: Context | undefined): boolean {
  if (span.isRecording()) return parentSpanIdOf(span) !== undefined;
  return parent === undefined || trace.getSpan(parent) !== undefined;
}

function hasDeadline({ context }: OperationRecord, owner: OperationRecord): boolean {
  return inheritedDeadlineAtMs(context, owner) !== Number.POSITIVE_INFINITY;
}
