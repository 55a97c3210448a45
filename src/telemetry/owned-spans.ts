/**
 * Spans that others make for an incoming operation: databases, caches, queues, frameworks, the application itself. Known by
 * the context that they were started in; and what that says of them: what was open at the cancel, came late, ran on.
 *
 * The rules are about what goes to another system (CLIENT and PRODUCER). An INTERNAL span may be one that nobody waits
 * for, on purpose: it only tells how long there was work.
 */
import { type Span, SpanStatusCode } from '@opentelemetry/api';
import type { ResolvedConfig } from '../config.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Guard } from '../operation/guard.ts';
import type { Cancellation } from '../operation/operation.ts';
import { PACKAGE_NAME } from '../version.ts';
import { writeFinding } from './findings.ts';
import { lineOfSpan } from './line-of-span.ts';
import type { Metrics } from './metrics.ts';
import { beforeEnd } from './official-span.ts';
import type { OperationRecord } from './operation-record.ts';
import { MAX_START_FRAMES } from './owned-operations.ts';
import { OwnedSpan, type SdkSpan, scopeOf } from './owned-span.ts';
import { markNeeded } from './sampling.ts';
import { spentOn, undoes } from './spent-on.ts';
import { StackBudget } from './stack-budget.ts';
import { STOPPED_WHEN_TOLD_MS, type WorkAfterCancel } from './work-after-cancel.ts';

/** Instrumentations whose spans usually are those of operations, which have a stack of their own. */
const OF_OPERATIONS: ReadonlySet<string | undefined> = new Set(
  ['http', 'grpc', 'undici'].map((name) => `@opentelemetry/instrumentation-${name}`),
);
/** So often those that are over are dropped: an incoming operation may take hours. */
const PRUNE_EVERY = 64;
/** What drivers and servers say of a query that was stopped. */
const STOPPED = /cancel|abort|interrupt|kill/i;

export class OwnedSpans {
  readonly #metrics: Metrics;
  readonly #workAfterCancel: WorkAfterCancel;
  /** Undefined when no line is wanted. */
  readonly #stacks: StackBudget | undefined;
  readonly #maxWorkAfterCancelMs: number;
  /** Whether there are rules. */
  readonly #workEndsWithRequest: boolean;
  readonly #guard: Guard;
  #isWatching = true;

  constructor(
    metrics: Metrics,
    workAfterCancel: WorkAfterCancel,
    options: Pick<ResolvedConfig, 'capturePendingStack' | 'maxWorkAfterCancelMs' | 'workEndsWithRequest'>,
    guard: Guard,
  ) {
    this.#metrics = metrics;
    this.#workAfterCancel = workAfterCancel;
    this.#stacks = options.capturePendingStack ? new StackBudget() : undefined;
    this.#maxWorkAfterCancelMs = options.maxWorkAfterCancelMs;
    this.#workEndsWithRequest = options.workEndsWithRequest;
    this.#guard = guard;
  }

  /**
   * Any span, whoever made it.
   *
   * @param owner whose work it is, by the context that it was started in
   * @param above whose callers started it
   */
  started(span: SdkSpan, owner: OperationRecord, above: StackTop): void {
    const { cancellation } = owner;
    if (cancellation === undefined && owner.isSettled) return;
    const scope = scopeOf(span);
    // Those of ours are operations; who starts a new trace says that it is not for this one.
    if (scope === PACKAGE_NAME || !isSameTrace(span, owner.span)) return;
    const owned = new OwnedSpan(span);
    if (!owned.isOutgoing && !owned.isInternal) return;
    if (cancellation !== undefined) this.#startedLate(owner, cancellation, owned);
    else {
      if (owned.isOutgoing && !OF_OPERATIONS.has(scope) && this.#stacks?.take(owned.startedAtMs) === true)
        owned.startStack = new CapturedStack(above, MAX_START_FRAMES);
      owner.spans ??= [];
      if (owner.spans.push(owned) % PRUNE_EVERY === 0) owner.spans = owner.spans.filter(isOpen);
    }
  }

  /** At the cancel: those that are open, in the order of their starts. They are kept no more. */
  takeOpen(owner: OperationRecord): readonly OwnedSpan[] {
    const { spans = [] } = owner;
    owner.spans = undefined;
    const open = spans.filter(isOpen);
    for (const owned of open) owned.line = lineOfSpan(owned, spans);
    return open;
  }

  /**
   * The owner was cancelled, and whether its work goes on is watched.
   * @param open spans of others
   */
  watch(owner: OperationRecord, open: readonly OwnedSpan[]): void {
    const { lateWork } = owner;
    const all = [...(owner.pending ?? []), ...open].sort((a, b) => a.startedAtMs - b.startedAtMs);
    for (const started of all) {
      if (!(started instanceof OwnedSpan)) lateWork?.wentOut(started);
      else {
        if (!started.isOutgoing) lateWork?.began(started.span);
        else started.isInside = lateWork?.wentOut(started) === false;
        this.#watchEnd(owner, started);
      }
    }
  }

  /** What is watched already is not from now on. */
  close(): void {
    this.#isWatching = false;
  }

  open(): void {
    this.#isWatching = true;
  }

  #startedLate(owner: OperationRecord, { atMs, trigger }: Cancellation, owned: OwnedSpan): void {
    // Who answered with the status himself is done, and may have something left that is not for the answer.
    if (trigger === 'status' || owned.startedAtMs - atMs > this.#maxWorkAfterCancelMs) return;
    owned.startedAtMs -= agoMs((owned.span as SdkSpan).startTime);
    if (owned.isOutgoing) owned.isInside = !this.#workAfterCancel.wentOut(owner, owned);
    else owner.lateWork?.began(owned.span);
    this.#watchEnd(owner, owned);
  }

  #watchEnd(owner: OperationRecord, owned: OwnedSpan): void {
    const ended = this.#guard((endTime: unknown) => {
      if (this.#isWatching && owned.isOpen) this.#ended(owner, owned, performance.now() - agoMs(endTime));
    });
    beforeEnd(owned.span, ended);
  }

  #ended(owner: OperationRecord, owned: OwnedSpan, endedAtMs: number): void {
    const { cancellation } = owner;
    if (cancellation === undefined) return;
    const { span } = owned;
    const ranOnMs = endedAtMs - cancellation.atMs;
    const isWork = ranOnMs >= STOPPED_WHEN_TOLD_MS && ranOnMs <= this.#maxWorkAfterCancelMs;
    if (!owned.isOutgoing) {
      if (isWork) this.#workAfterCancel.internalEnded(owner, owned.isOfFramework, endedAtMs);
    } else if (isWork) {
      const on = spentOn(span);
      if (!owned.isInside) this.#judge(owner, cancellation, owned, ranOnMs, on ?? 'other');
      this.#workAfterCancel.cameBack(owner, owned, on, endedAtMs);
    } else {
      owner.lateWork?.cameBack(owned, undefined, endedAtMs);
    }
    if (isWork) markNeeded(span);
  }

  #judge(
    owner: OperationRecord,
    cancellation: Cancellation,
    owned: OwnedSpan,
    ranOnMs: number,
    system: string,
  ): void {
    const { span, startedAtMs } = owned;
    const lateMs = startedAtMs - cancellation.atMs;
    // What is right to do when told: to roll back, to give back a lock.
    if (undoes(span) || (lateMs >= 0 && lateMs < STOPPED_WHEN_TOLD_MS)) return;
    if (lateMs >= 0) {
      this.#workAfterCancel.countLate(owner);
      const detail = `started ${Math.round(lateMs)} ms after its incoming operation was cancelled`;
      this.#find(span, system, 'late_operation', detail);
    } else if (!wasStopped(span) && owner.lateWork?.wasStoppedInside(owned) !== true) {
      const detail = `ran on for ${Math.round(ranOnMs)} ms after its incoming operation was cancelled`;
      this.#find(span, system, 'cancel_not_propagated', detail);
    }
  }

  #find(span: Span, system: string, rule: FindingRule, detail: string): void {
    if (!this.#workEndsWithRequest) return;
    this.#metrics.finding({ side: 'client', system }, rule);
    writeFinding(span, undefined, rule, detail);
  }
}

function isOpen(owned: OwnedSpan): boolean {
  return owned.isOpen;
}

function isSameTrace(a: Span, b: Span): boolean {
  return a.spanContext().traceId === b.spanContext().traceId;
}

/** It was told, though late. */
function wasStopped({ status }: SdkSpan): boolean {
  return status?.code === SpanStatusCode.ERROR && STOPPED.test(status.message ?? '');
}

/** How long ago a time is that was given to the SDK, in ms: some spans are made when all is over. 0 for none. */
function agoMs(time: unknown): number {
  let ago = 0;
  if (Array.isArray(time)) ago = Date.now() - (time[0] * 1_000 + time[1] / 1_000_000);
  else if (time instanceof Date) ago = Date.now() - time.getTime();
  else if (typeof time === 'number')
    ago = time <= performance.now() ? performance.now() - time : Date.now() - time;
  // The SDK starts a span at a whole millisecond.
  return ago < 2 ? 0 : ago;
}
