/** How an operation ends: it is marked when it is cancelled, and its span ended exactly once, whoever comes first. */
import { type Span, type SpanStatus, SpanStatusCode } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import type { AbortOrigins } from '../cancellation/abort-origins.ts';
import { classify } from '../cancellation/classify.ts';
import { comesFrom } from '../cancellation/hidden-abort.ts';
import type { ResolvedConfig } from '../config.ts';
import type { Host } from '../host.ts';
import { cut } from '../operation/cut.ts';
import type { Settlement } from '../operation/description.ts';
import { type Evidence, endedBy, type ProcessEnd } from '../operation/evidence.ts';
import type { Guard } from '../operation/guard.ts';
import type { Cancellation } from '../operation/operation.ts';
import type { AsyncResources } from './async-resources.ts';
import { ATTR_NETWORK_CONNECTION_REUSED_AFTER } from './attributes.ts';
import { statusOf } from './cancel-status.ts';
import { writeCancellation } from './cancellation-span.ts';
import { type Deadlines, writeDeviation } from './deadlines.ts';
import { decidedIn } from './decided-in.ts';
import { isUnmade, made } from './deferred-span.ts';
import { Job } from './jobs.ts';
import type { Metrics } from './metrics.ts';
import { endAndSeal, endAsOf, fixStatus, withhold } from './official-span.ts';
import type { OpenOperations } from './open-operations.ts';
import type { OperationRecord } from './operation-record.ts';
import type { OwnedOperations } from './owned-operations.ts';
import type { OwnedSpan } from './owned-span.ts';
import type { OwnedSpans } from './owned-spans.ts';
import type { Parts, WatchLateWrites } from './parts.ts';
import { pendingOf, writePending } from './pending-events.ts';
import type { Redaction } from './redaction.ts';
import { markNeeded } from './sampling.ts';
import type { Shutdown } from './shutdown.ts';
import { sayUnmarked } from './unmarked.ts';
import { vendorIdentityOf } from './vendor-span.ts';
import type { Visibility } from './visibility.ts';
import type { WorkAfterCancel } from './work-after-cancel.ts';

/**
 * Turns of the event loop in which the owner of an official span may end it. One that watches a socket does so when that is
 * closed: at the end of the turn, or of the next one where there is TLS in between.
 */
const OWNERS_TURNS = 4;

/** Of the description of a status: the message of an error, or what a peer says of it. */
const MAX_DESCRIPTION_LENGTH = 1_024;

export class Endings {
  readonly #abortOrigins: AbortOrigins;
  readonly #config: ResolvedConfig;
  readonly #metrics: Metrics;
  readonly #open: OpenOperations;
  readonly #owned: OwnedOperations;
  readonly #ownedSpans: OwnedSpans;
  readonly #deadlines: Deadlines;
  readonly #asyncResources: AsyncResources | undefined;
  readonly #workAfterCancel: WorkAfterCancel;
  readonly #shutdown: Shutdown;
  readonly #visibility: Visibility;
  readonly #watchLateWrites: WatchLateWrites;
  readonly #redact: Redaction;
  readonly #guard: Guard;
  /** What ends official spans in one of the next turns. */
  readonly #toEnd = new Set<() => void>();

  constructor(abortOrigins: AbortOrigins, parts: Parts) {
    this.#abortOrigins = abortOrigins;
    this.#config = parts.config;
    this.#metrics = parts.metrics;
    this.#open = parts.open;
    this.#owned = parts.owned;
    this.#ownedSpans = parts.ownedSpans;
    this.#deadlines = parts.deadlines;
    this.#asyncResources = parts.asyncResources;
    this.#workAfterCancel = parts.workAfterCancel;
    this.#shutdown = parts.shutdown;
    this.#visibility = parts.visibility;
    this.#watchLateWrites = parts.watchLateWrites;
    this.#redact = parts.redact;
    this.#guard = parts.guard;
  }

  cancel(operation: OperationRecord, evidence: Evidence, isConnectionAlive?: boolean): void {
    if (operation.cancellation !== undefined || operation.isSettled) return;
    if (operation instanceof Job) operation.readDestination();
    const atMs = evidence.kind === 'process-end' ? evidence.atMs : performance.now();
    const cancellation = classify(operation, evidence, atMs);
    operation.cancellation = cancellation;
    if (isConnectionAlive !== undefined) {
      operation.span.setAttribute(ATTR_NETWORK_CONNECTION_REUSED_AFTER, isConnectionAlive);
    }
    const isRecording = operation.span.isRecording();
    const open = this.#ownedSpans.takeOpen(operation);
    if (isRecording) this.#write(operation, cancellation, open);
    if (operation.ownsSpan) {
      if (isRecording) sayUnmarked();
      else this.#visibility.sayLost();
    }
    if (operation.side !== 'server') {
      if (operation.owner instanceof Job && cancellation.initiator === 'local')
        operation.owner.endedRequest = cancellation;
      return;
    }
    this.#shutdown.cancelled(operation, cancellation);
    // What is cut by the end of the process does no work any more, and nothing is left to stop.
    if (evidence.kind === 'process-end') return;
    // A handler that answered with the status itself is done.
    if (evidence.kind !== 'own-status') this.#watchWork(operation, open);
    this.#owned.watchEnds(operation);
    // Last, since it calls the application: what that ends is ended because of this operation.
    operation.scope?.cancel(cancellation.outcome);
    if (this.#config.propagate.cancel) this.#owned.stopPending(operation);
  }

  #write(operation: OperationRecord, cancellation: Cancellation, open: readonly OwnedSpan[]): void {
    const span = made(operation.span);
    const told = this.#config.captureReason ? cancellation : { ...cancellation, reason: undefined };
    writeCancellation(span, operation.system, told, decidedIn(operation, cancellation), this.#redact);
    if (cancellation.outcome === 'deadline_exceeded') this.#deadlines.missed(operation);
    writePending(span, pendingOf(operation, open), cancellation.atMs, this.#redact);
    this.#asyncResources?.write(operation, cancellation.atMs);
    if (operation.owner !== undefined) markNeeded(operation.owner.span);
    // Whether it failed is for its queue to say.
    if (operation.isLeftToItsOwner) return;
    const code = statusOf(this.#config.status, operation, cancellation);
    if (!operation.ownsSpan) fixStatus(span, code);
    else if (code === SpanStatusCode.ERROR) span.setStatus({ code });
  }

  #watchWork(operation: OperationRecord, open: readonly OwnedSpan[]): void {
    if (!operation.span.isRecording() && !this.#metrics.isOn) return;
    this.#workAfterCancel.watch(operation);
    this.#asyncResources?.watch(operation, operation.cancellation?.atMs ?? performance.now());
    this.#ownedSpans.watch(operation, open);
    if (operation.answer !== undefined) {
      const onWrite = this.#guard((isEnd: boolean) => this.#workAfterCancel.write(operation, isEnd));
      this.#watchLateWrites(operation.answer, onWrite);
    }
  }

  settle(operation: OperationRecord, settlement?: Settlement): void {
    if (operation.isSettled) return;
    if (operation instanceof Job) operation.readDestination();
    const { span, cancellation } = operation;
    const isToBeSeen = !isUnmade(span);
    if (isToBeSeen) writeDeviation(operation);
    this.#over(operation);
    this.#metrics.ended(operation, settlement);
    if (!operation.ownsSpan) {
      const isEndedWithIt = cancellation !== undefined && !operation.isLeftToItsOwner;
      if (isEndedWithIt || settlement?.endsOfficialSpan === true) this.#endUnlessEnded(span, settlement);
      return;
    }
    if (settlement !== undefined && isToBeSeen) this.#writeEnd(span, settlement, cancellation === undefined);
    if (
      cancellation !== undefined &&
      cancellation.outcome === 'deadline_exceeded' &&
      settlement?.attributes?.[ATTR_ERROR_TYPE] === undefined
    ) {
      span.setAttribute(ATTR_ERROR_TYPE, 'timeout');
    }
    span.end();
  }

  /**
   * The work for a job has ended in this error: it is cancelled when that comes from a signal that was aborted, or that
   * a limit was set on. Without an error, when it follows from such a limit.
   */
  jobFailed(job: Job, error: unknown): void {
    job.hasFailed = true;
    const story = error === undefined ? job.passedLimit : this.#abortOrigins.abortOf(error);
    const { endedRequest } = job;
    if (story !== undefined) this.cancel(job, { kind: 'signal', phase: 'handle', ...story });
    else if (endedRequest !== undefined && comesFrom(error, endedRequest))
      this.cancel(job, asOf(endedRequest));
  }

  /** Its span is about to end. */
  jobEnds(job: Job): void {
    if (job.isError && !job.hasFailed) this.jobFailed(job, job.error);
    this.settle(job, { isError: job.isError });
  }

  /**
   * The process ends, and there is no next turn: what is in flight is cancelled by that, in this one.
   *
   * @param host that the integrations are given
   * @param untilMs when to stop, on the clock of performance.now()
   * @returns how many were not recorded
   */
  endWithProcess(host: Host, how: () => ProcessEnd, untilMs: number): number {
    this.#endWaiting();
    // Incoming ones first: what was made for them is cut because they are.
    const operations = [...this.#open.of('server'), ...this.#open.of('client')];
    if (operations.length === 0) return this.#open.count;
    const end = how();
    const endOne = this.#guard((operation: OperationRecord) => {
      // Not told by its integration: as far as anybody knows.
      if (operation.subject !== undefined) operation.endWithProcess?.(host, operation.subject as never, end);
      if (operation.isSettled) return;
      const phase = operation.side === 'server' ? 'handle' : 'wait';
      this.cancel(operation, endedBy(end, phase));
      // Nobody is left to end that of a job.
      this.settle(operation, { endsOfficialSpan: operation.isLeftToItsOwner });
    });
    for (const operation of operations) {
      if (performance.now() > untilMs) break;
      endOne(operation);
      this.#endWaiting();
    }
    return this.#open.count;
  }

  #endWaiting(): void {
    for (const end of this.#toEnd) end();
  }

  /**
   * The instrumentation is switched off, and nobody will tell how what is in flight ends: spans of our own end now,
   * unmarked if not cancelled by now, and the official ones are their owners' alone.
   */
  abandon(): void {
    const abandon = this.#guard((operation: OperationRecord) => this.#abandon(operation));
    for (const side of ['server', 'client'] as const) this.#open.of(side).forEach(abandon);
  }

  #abandon(operation: OperationRecord): void {
    this.#over(operation);
    if (operation.ownsSpan) operation.span.end();
    else if (operation.cancellation !== undefined && !operation.isLeftToItsOwner)
      this.#endUnlessEnded(operation.span);
  }

  /**
   * An official span usually ends a moment later, with attributes of its owner's alone. Where it would stay open for ever
   * or for long, it is ended here. Either way it ends as of now.
   */
  #endUnlessEnded(span: Span, settlement?: Settlement): void {
    // A vendor's span ends with what it knows of the operation, and its end is not ours to make.
    if (!span.isRecording() || vendorIdentityOf(span) !== undefined) return;
    const endedAtMs = performance.now();
    if (settlement?.withheld !== undefined) withhold(span, settlement.withheld);
    endAsOf(span, endedAtMs);
    const end = this.#guard(() => {
      this.#toEnd.delete(end);
      if (!span.isRecording()) return;
      if (settlement?.endsOfficialSpan === true) this.#writeEnd(span, settlement, true);
      endAndSeal(span, endedAtMs);
    });
    this.#toEnd.add(end);
    let turnsLeft = OWNERS_TURNS;
    const look = this.#guard(() => {
      // At the end of the process, which does not wait for the next turn.
      if (!this.#toEnd.has(end)) return;
      if (--turnsLeft === 0 || !span.isRecording()) end();
      else setImmediate(look);
    });
    setImmediate(look);
  }

  /** @param hasStatus false where that of a cancel stays */
  #writeEnd(span: Span, { attributes, name, isError, message }: Settlement, hasStatus: boolean): void {
    if (attributes !== undefined) span.setAttributes(this.#redact(attributes));
    if (name !== undefined) span.updateName(name);
    if (isError !== true || !hasStatus) return;
    const { [STATUS_DESCRIPTION]: said } = this.#redact({ [STATUS_DESCRIPTION]: message });
    if (typeof said !== 'string') span.setStatus(ERROR_STATUS);
    else span.setStatus({ code: SpanStatusCode.ERROR, message: cut(said, MAX_DESCRIPTION_LENGTH) });
  }

  #over(operation: OperationRecord): void {
    this.#owned.ended(operation);
    operation.isSettled = true;
    this.#open.delete(operation);
    if (this.#shutdown.isUnderWay) this.#shutdown.settled(operation);
    this.#asyncResources?.forget(operation);
    operation.scope?.close();
    // Whatever runs on in the context of the operation holds it, and is not to hold the messages as well.
    operation.answer = undefined;
    operation.subject = undefined;
    operation.spans = undefined;
  }
}

/** What has ended a request of a job has ended the job. */
function asOf({ trigger, reason, stack }: Cancellation): Evidence {
  const phase = 'handle';
  return trigger === 'timeout' || trigger === 'deadline'
    ? { kind: 'local-timeout', trigger, phase, reason, stack }
    : { kind: 'signal', phase, reason, isTimeout: trigger === 'signal_timeout', stack };
}

/** The semantic conventions' name for the message of a status. */
const STATUS_DESCRIPTION = 'otel.status_description';
const ERROR_STATUS: SpanStatus = { code: SpanStatusCode.ERROR };
