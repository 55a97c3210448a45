/** From operations to spans and metrics: what the integrations report, each to the part that knows what it means. */
import {
  type Context,
  context,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapGetter,
  type TextMapSetter,
} from '@opentelemetry/api';
import type { AbortOrigins, SignalStory } from '../cancellation/abort-origins.ts';
import type { Headers } from '../cancellation/deadline-headers.ts';
import { LEFT_LOOP_KEY, type LeftLoop } from '../cancellation/left-loop.ts';
import type {
  ContextEntry,
  DeadlineHeader,
  EndWithProcess,
  Host,
  ListeningServer,
  ReadHeader,
  StartWaiting,
} from '../host.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { Settlement, SpanDescription } from '../operation/description.ts';
import type { Evidence, Outcome, ProcessEnd } from '../operation/evidence.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Deadline, Side, System } from '../operation/operation.ts';
import { Beginnings } from './beginnings.ts';
import { isUnmade } from './deferred-span.ts';
import { Endings } from './endings.ts';
import { limitPasses } from './handler-limits.ts';
import { Job } from './jobs.ts';
import type { OperationRecord } from './operation-record.ts';
import { asideIn, isSuppressedIn, ownerIn, suppressIn } from './owner.ts';
import { createParts, type Parts, type Surroundings } from './parts.ts';
import type { ShutdownTrigger } from './shutdown.ts';
import { sentryClient } from './vendors.ts';

/** The operations that it is given are those that it has made. */
export class Recorder implements Host {
  /** The options say that outgoing operations end with the incoming one that they work for. */
  readonly passesCancelsOn: boolean;
  readonly stopsInTransaction: boolean;
  readonly abortOrigins: AbortOrigins;
  readonly #parts: Parts;
  readonly #beginnings: Beginnings;
  readonly #endings: Endings;
  /** By their owner: seldom asked for, and nothing that every operation has to have. */
  readonly #triedSinceCancel = new WeakMap<OperationRecord, Set<string>>();
  readonly #beforeEnd = new Set<(start: StartWaiting) => void>();
  /** The application calls it, or Node. */
  readonly #beginShutdown: (trigger: ShutdownTrigger) => void;

  constructor(abortOrigins: AbortOrigins, surroundings: Surroundings) {
    const parts = createParts(surroundings, (job) => this.#endings.jobEnds(job));
    this.passesCancelsOn = parts.config.propagate.cancel;
    this.stopsInTransaction = parts.config.propagate.cancelInTransaction;
    this.abortOrigins = abortOrigins;
    this.#parts = parts;
    this.#beginnings = new Beginnings(parts);
    this.#endings = new Endings(abortOrigins, parts);
    this.#beginShutdown = parts.guard((trigger: ShutdownTrigger) => {
      parts.shutdown.begin(trigger);
    });
  }

  /** Why nobody would find a cancel that is recorded now. */
  whyInvisible(): string[] {
    return this.#parts.visibility.reasons();
  }

  isSuppressed(): boolean {
    return isSuppressedIn(context.active());
  }

  suppress(outer: Context): Context {
    return suppressIn(outer);
  }

  officialSpan(
    kind: SpanKind,
    scopeNames: readonly string[],
    active: Context = context.active(),
  ): Span | undefined {
    return this.#beginnings.officialSpan(kind, scopeNames, active);
  }

  noticeVendors(): void {
    this.#parts.vendors.notice();
  }

  isVendorInCharge(): boolean {
    this.#parts.vendors.notice();
    return this.#parts.vendors.isInCharge();
  }

  whenStarted(kind: SpanKind, scopeNames: readonly string[], started: (span: Span) => void): void {
    this.#parts.vendors.whenStarted(kind, scopeNames, started);
  }

  unsampledSpan(side: Side): Span | undefined {
    return this.#beginnings.unsampledSpan(side);
  }

  adopt(
    side: Side,
    system: System,
    span: Span,
    method?: string,
    above: StackTop = this.adopt,
  ): OperationRecord {
    return this.#beginnings.adopt(side, system, span, method, above);
  }

  adoptNext(operation: OperationRecord, span: Span): void {
    this.#beginnings.adoptNext(operation, span);
  }

  start(
    description: SpanDescription,
    parent: Context = context.active(),
    entry?: ContextEntry,
    above: StackTop = this.start,
  ): OperationRecord {
    return this.#beginnings.start(description, parent, entry, above);
  }

  run<T>(
    operation: OperationRecord,
    fn: (this: unknown, ...args: never[]) => T,
    thisArg: unknown,
    args: ArrayLike<unknown>,
  ): T {
    return this.#beginnings.run(operation, fn, thisArg, args);
  }

  inject<Carrier>(operation: OperationRecord, carrier: Carrier, setter: TextMapSetter<Carrier>): void {
    if (sentryClient() === undefined) propagation.inject(operation.context, carrier, setter);
    // Sentry's propagator refuses every context but the active one, and says so each time; its manager makes another of ours.
    else context.with(operation.context, () => propagation.inject(context.active(), carrier, setter));
  }

  extract<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>): Context {
    return propagation.extract(ROOT_CONTEXT, carrier, getter);
  }

  setDeadline(operation: OperationRecord, deadline: Deadline): void {
    this.#parts.deadlines.set(operation, deadline);
  }

  sendDeadline(
    operation: OperationRecord,
    headers: Headers | undefined,
    own: Deadline | undefined,
    above: StackTop | undefined,
  ): void {
    this.#parts.deadlines.send(operation, headers, own, above);
  }

  readDeadline(operation: OperationRecord, headers: Headers): void {
    this.#parts.deadlines.read(operation, headers);
  }

  limitToPassOn(): number | undefined {
    return this.#parts.deadlines.limitToPassOn();
  }

  tellDeadline<Request>(
    operation: OperationRecord,
    request: Request,
    read: ReadHeader<Request>,
  ): DeadlineHeader | undefined {
    return this.#parts.deadlines.tell(operation, request, read);
  }

  stopsWithOwner(): boolean {
    return this.passesCancelsOn && ownerIn(context.active()) !== undefined;
  }

  triedSinceCancel(): Set<string> | undefined {
    const owner = this.passesCancelsOn ? ownerIn(context.active()) : undefined;
    if (owner?.cancellation === undefined) return undefined;
    const tried = this.#triedSinceCancel.get(owner) ?? new Set();
    this.#triedSinceCancel.set(owner, tried);
    return tried;
  }

  stopWithOwner(operation: OperationRecord, stop: (reason: Error) => void): void {
    if (this.passesCancelsOn && operation.owner !== undefined) operation.stop = stop;
  }

  endsWithProcess<Subject extends object>(
    operation: OperationRecord,
    subject: Subject,
    end: EndWithProcess<Subject>,
  ): void {
    if (operation.isSettled) return;
    operation.subject = subject;
    operation.endWithProcess = end;
  }

  beforeProcessEnd(begin: (start: StartWaiting) => void): () => void {
    this.#beforeEnd.add(begin);
    return () => void this.#beforeEnd.delete(begin);
  }

  stopWithIncoming(stop: () => void): (() => void) | undefined {
    const owner = this.passesCancelsOn ? ownerIn(context.active()) : undefined;
    if (owner === undefined || owner.isSettled || owner.cancellation !== undefined) return undefined;
    const stops = owner.stops ?? new Set();
    owner.stops = stops;
    stops.add(stop);
    return () => void stops.delete(stop);
  }

  outcomeOfStatus(side: Side, statusCode: number): Outcome | undefined {
    return this.#parts.config.cancelStatusCodes[side].get(statusCode);
  }

  captureDeadlineStack(above: StackTop): CapturedStack | undefined {
    return this.#parts.deadlines.captureStack(above);
  }

  captureStack(above: StackTop): CapturedStack {
    const left = context.active().getValue(LEFT_LOOP_KEY) as LeftLoop | undefined;
    return new CapturedStack(above, this.#parts.config.maxStackFrames, left?.stack);
  }

  cancel(operation: OperationRecord, evidence: Evidence, isConnectionAlive?: boolean): void {
    this.#endings.cancel(operation, evidence, isConnectionAlive);
  }

  isWorkOf(operation: OperationRecord): boolean {
    return ownerIn(context.active()) === operation;
  }

  isToldToEnd(): boolean {
    return this.#parts.shutdown.isToldToEnd;
  }

  limitPasses(story: SignalStory): (() => void) | undefined {
    const owner = ownerIn(context.active());
    if (owner instanceof Job) this.#parts.jobs.limitPasses(owner, story);
    return limitPasses(owner, story, this.#endings);
  }

  watchJobs(): () => void {
    const { jobs, spanStarts } = this.#parts;
    jobs.open();
    spanStarts.lookForProvider();
    return () => jobs.close();
  }

  job(kind: SpanKind = SpanKind.CONSUMER): OperationRecord | undefined {
    return this.#parts.jobs.current(kind);
  }

  takenFrom(job: OperationRecord, source: object): void {
    job.subject = source;
  }

  jobsFrom(source: object): OperationRecord[] {
    return this.#parts.open.of('server').filter((operation) => operation.subject === source);
  }

  handledBy(operation: OperationRecord, result: unknown): void {
    this.#beginnings.handledBy(operation, result);
  }

  handlerReturned(operation: OperationRecord): void {
    this.#parts.workAfterCancel.returned(operation);
  }

  aside(outer: Context): Context {
    return asideIn(outer);
  }

  jobFailed(job: OperationRecord, error: unknown): void {
    if (job instanceof Job) this.#endings.jobFailed(job, error);
  }

  addFinding(operation: OperationRecord, rule: FindingRule, detail: string): void {
    this.#parts.addFinding(operation, rule, detail);
  }

  lateWrite(operation: OperationRecord, isEnd: boolean): void {
    this.#parts.workAfterCancel.write(operation, isEnd);
  }

  lateMessage(operation: OperationRecord): void {
    this.#parts.workAfterCancel.message(operation);
  }

  lateEnd(operation: OperationRecord): void {
    this.#parts.workAfterCancel.end(operation);
  }

  isEndTold({ ownsSpan, span }: OperationRecord): boolean {
    return (ownsSpan && !isUnmade(span)) || this.#parts.metrics.isOn;
  }

  settle(operation: OperationRecord, settlement?: Settlement): void {
    this.#endings.settle(operation, settlement);
  }

  serverListens(server: ListeningServer): void {
    this.#parts.shutdown.serverListens(server);
  }

  serverCloses(server: ListeningServer, stack: CapturedStack): void {
    this.#parts.shutdown.serverCloses(server, stack);
  }

  serverCuts(stack: CapturedStack): void {
    this.#parts.shutdown.begin('close', stack);
  }

  /** The process is told to end. */
  shutdownBegins(trigger: ShutdownTrigger): void {
    this.#beginShutdown(trigger);
  }

  /** Where metrics go from now on. */
  measureBy(meter: Meter): void {
    this.#parts.metrics.use(meter);
  }

  /** The instrumentation is switched on. */
  open(): void {
    this.#parts.vendors.notice();
    this.#parts.ownedSpans.open();
    this.#parts.asyncResources?.open();
  }

  /** The process ends, or the instrumentation is switched off: records what is still at work, and stops all timers. */
  close(): void {
    this.#parts.workAfterCancel.close();
    this.#parts.deadlines.stop();
    this.#parts.asyncResources?.close();
  }

  /** The process ends: records what is in flight. @returns how many were not, since it took until then */
  endWithProcess(how: () => ProcessEnd, untilMs: number): number {
    this.#parts.shutdown.processExits();
    const start: StartWaiting = (description, parent) =>
      this.#beginnings.startWaiting(description, parent, this.endWithProcess);
    for (const begin of this.#beforeEnd) begin(start);
    return this.#endings.endWithProcess(this, how, untilMs);
  }

  /** The instrumentation is switched off, and nobody will tell how what is in flight ends. */
  abandon(): void {
    this.#parts.vendors.close();
    this.#parts.shutdown.close();
    this.#parts.spanStarts.close();
    this.#parts.ownedSpans.close();
    this.#endings.abandon();
  }
}
