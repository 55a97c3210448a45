/** From operations to spans and metrics: what the integrations report, each to the part that knows what it means. */
import {
  type Context,
  context,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
} from '@opentelemetry/api';
import type { AbortOrigins } from '../cancellation/abort-origins.ts';
import type { Headers } from '../cancellation/deadline-headers.ts';
import type { ResolvedConfig } from '../config.ts';
import type {
  ContextEntry,
  DeadlineHeader,
  EndWithProcess,
  Host,
  ListeningServer,
  ReadHeader,
  Settlement,
  SpanDescription,
} from '../integration.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { Evidence, Outcome, ProcessEnd } from '../operation/evidence.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Guard } from '../operation/guard.ts';
import type { Deadline, Side, System } from '../operation/operation.ts';
import { AsyncResources } from './async-resources.ts';
import { Beginnings } from './beginnings.ts';
import { Deadlines } from './deadlines.ts';
import { Endings, type WatchLateWrites } from './endings.ts';
import { type AddFinding, findingsCountedBy } from './findings.ts';
import { Metrics } from './metrics.ts';
import { OpenOperations } from './open-operations.ts';
import type { OperationRecord } from './operation-record.ts';
import { OwnedOperations } from './owned-operations.ts';
import { OwnedSpans } from './owned-spans.ts';
import { isSuppressedIn, suppressIn } from './owner.ts';
import { Shutdown, type ShutdownTrigger } from './shutdown.ts';
import { SpanStarts, type WatchStarts } from './span-starts.ts';
import { sentryClient, Vendors } from './vendors.ts';
import { WorkAfterCancel } from './work-after-cancel.ts';

/** The operations that it is given are those that it has made. */
export class Recorder implements Host {
  readonly stopsWithOwner: boolean;
  readonly abortOrigins: AbortOrigins;
  readonly #config: ResolvedConfig;
  readonly #metrics = new Metrics();
  readonly #vendors: Vendors;
  readonly #deadlines: Deadlines;
  /** Only when asked for. */
  readonly #asyncResources: AsyncResources | undefined;
  readonly #workAfterCancel: WorkAfterCancel;
  readonly #addFinding: AddFinding;
  readonly #shutdown: Shutdown;
  /** The application calls it, or Node. */
  readonly #beginShutdown: (trigger: ShutdownTrigger) => void;
  readonly #ownedSpans: OwnedSpans;
  readonly #spanStarts: SpanStarts;
  readonly #beginnings: Beginnings;
  readonly #endings: Endings;

  constructor(
    config: ResolvedConfig,
    abortOrigins: AbortOrigins,
    tracer: () => Tracer,
    watchLateWrites: WatchLateWrites,
    watchStarts: WatchStarts,
    guard: Guard,
  ) {
    this.#config = config;
    this.stopsWithOwner = config.propagate.cancel;
    this.abortOrigins = abortOrigins;
    const metrics = this.#metrics;
    const open = new OpenOperations();
    const vendors = new Vendors(guard);
    const addFinding = findingsCountedBy(metrics);
    const work = new WorkAfterCancel(tracer, config, metrics, guard);
    const deadlines = new Deadlines(config, addFinding, guard);
    const owned = new OwnedOperations(open, addFinding, work, config.capturePendingStack, guard);
    const spans = new OwnedSpans(metrics, work, config, guard);
    const starts = new SpanStarts(watchStarts, (span, parent, above) => spans.started(span, parent, above));
    const resources = config.trackAsync ? new AsyncResources() : undefined;
    const shutdown = new Shutdown(tracer, metrics, open, guard);
    this.#vendors = vendors;
    this.#shutdown = shutdown;
    this.#beginShutdown = guard((trigger) => {
      shutdown.begin(trigger);
    });
    this.#addFinding = addFinding;
    this.#workAfterCancel = work;
    this.#deadlines = deadlines;
    this.#asyncResources = resources;
    this.#ownedSpans = spans;
    this.#spanStarts = starts;
    this.#beginnings = new Beginnings(tracer, metrics, vendors, open, owned, starts, shutdown, work, guard);
    this.#endings = new Endings(
      config,
      metrics,
      open,
      owned,
      spans,
      deadlines,
      resources,
      work,
      shutdown,
      watchLateWrites,
      guard,
    );
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
    this.#vendors.notice();
  }

  isVendorInCharge(): boolean {
    this.#vendors.notice();
    return this.#vendors.isInCharge();
  }

  whenStarted(kind: SpanKind, scopeNames: readonly string[], started: (span: Span) => void): void {
    this.#vendors.whenStarted(kind, scopeNames, started);
  }

  unsampledSpan(side: Side): Span | undefined {
    return this.#beginnings.unsampledSpan(side);
  }

  adopt(side: Side, system: System, span: Span, method?: string): OperationRecord {
    return this.#beginnings.adopt(side, system, span, method, this.adopt);
  }

  adoptNext(operation: OperationRecord, span: Span): void {
    this.#beginnings.adoptNext(operation, span);
  }

  start(
    description: SpanDescription,
    parent: Context = context.active(),
    entry?: ContextEntry,
  ): OperationRecord {
    return this.#beginnings.start(description, parent, entry, this.start);
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
    this.#deadlines.set(operation, deadline);
  }

  readDeadline(operation: OperationRecord, headers: Headers): void {
    this.#deadlines.read(operation, headers);
  }

  limitToPassOn(): number | undefined {
    return this.#deadlines.limitToPassOn();
  }

  tellDeadline<Request>(
    operation: OperationRecord,
    request: Request,
    read: ReadHeader<Request>,
  ): DeadlineHeader | undefined {
    return this.#deadlines.tell(operation, request, read);
  }

  stopWithOwner(operation: OperationRecord, stop: (reason: Error) => void): void {
    if (this.stopsWithOwner && operation.owner !== undefined) operation.stop = stop;
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

  outcomeOfStatus(side: Side, statusCode: number): Outcome | undefined {
    return this.#config.cancelStatusCodes[side].get(statusCode);
  }

  captureDeadlineStack(above: StackTop): CapturedStack | undefined {
    return this.#deadlines.captureStack(above);
  }

  captureStack(above: StackTop): CapturedStack {
    return new CapturedStack(above, this.#config.maxStackFrames);
  }

  cancel(operation: OperationRecord, evidence: Evidence, isConnectionAlive?: boolean): void {
    this.#endings.cancel(operation, evidence, isConnectionAlive);
  }

  addFinding(operation: OperationRecord, rule: FindingRule, detail: string): void {
    this.#addFinding(operation, rule, detail);
  }

  lateWrite(operation: OperationRecord, isEnd: boolean): void {
    this.#workAfterCancel.write(operation, isEnd);
  }

  lateMessage(operation: OperationRecord): void {
    this.#workAfterCancel.message(operation);
  }

  lateEnd(operation: OperationRecord): void {
    this.#workAfterCancel.end(operation);
  }

  isEndTold({ ownsSpan }: OperationRecord): boolean {
    return ownsSpan || this.#metrics.isOn;
  }

  settle(operation: OperationRecord, settlement?: Settlement): void {
    this.#endings.settle(operation, settlement);
  }

  serverListens(server: ListeningServer): void {
    this.#shutdown.serverListens(server);
  }

  serverCloses(server: ListeningServer, stack: CapturedStack): void {
    this.#shutdown.serverCloses(server, stack);
  }

  serverCuts(stack: CapturedStack): void {
    this.#shutdown.begin('close', stack);
  }

  /** The process is told to end. */
  shutdownBegins(trigger: ShutdownTrigger): void {
    this.#beginShutdown(trigger);
  }

  /** Where metrics go from now on. */
  measureBy(meter: Meter): void {
    this.#metrics.use(meter);
  }

  /** The instrumentation is switched on. */
  open(): void {
    this.#vendors.notice();
    this.#ownedSpans.open();
    this.#asyncResources?.open();
  }

  /** The process ends, or the instrumentation is switched off: records what is still at work, and stops all timers. */
  close(): void {
    this.#workAfterCancel.close();
    this.#deadlines.stop();
    this.#asyncResources?.close();
  }

  /** The process ends: records what is in flight. @returns how many were not, since it took until then */
  endWithProcess(how: () => ProcessEnd, untilMs: number): number {
    this.#shutdown.processExits();
    return this.#endings.endWithProcess(this, how, untilMs);
  }

  /** The instrumentation is switched off, and nobody will tell how what is in flight ends. */
  abandon(): void {
    this.#vendors.close();
    this.#shutdown.close();
    this.#spanStarts.close();
    this.#ownedSpans.close();
    this.#endings.abandon();
  }
}
