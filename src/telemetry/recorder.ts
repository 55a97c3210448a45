/** From operations to spans: starts or adopts them, marks the cancelled ones, ends each exactly once. */
import {
  type Context,
  context,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import type { AbortOrigins } from '../cancellation/abort-origins.ts';
import { classify } from '../cancellation/classify.ts';
import type { Headers } from '../cancellation/deadline-headers.ts';
import type { ResolvedConfig } from '../config.ts';
import type {
  ContextEntry,
  DeadlineHeader,
  Host,
  ReadHeader,
  Settlement,
  SpanDescription,
} from '../integration.ts';
import { CapturedStack, type StackTop } from '../operation/captured-stack.ts';
import type { Evidence, Outcome } from '../operation/evidence.ts';
import type { FindingRule } from '../operation/finding.ts';
import type { Guard } from '../operation/guard.ts';
import {
  type Cancellation,
  type Deadline,
  Operation,
  type Side,
  type System,
} from '../operation/operation.ts';
import { AsyncResources } from './async-resources.ts';
import { ATTR_NETWORK_CONNECTION_REUSED_AFTER } from './attributes.ts';
import { statusOf } from './cancel-status.ts';
import { writeCancellation } from './cancellation-span.ts';
import { Deadlines, writeDeviation } from './deadlines.ts';
import { decidedIn } from './decided-in.ts';
import { type AddFinding, writeFinding } from './finding-event.ts';
import { Metrics } from './metrics.ts';
import {
  claimSpan,
  endAndSeal,
  extendContext,
  fixStatus,
  isOfficialSpan,
  isUnsampledOfficialSpan,
} from './official-span.ts';
import { OpenOperations } from './open-operations.ts';
import { OwnedOperations } from './owned-operations.ts';
import { isSuppressedIn, OWNER_KEY, type OwnerHolder, ownerIn, suppressIn } from './owner.ts';
import { writePending } from './pending-events.ts';
import { markNeeded } from './sampling.ts';
import { SYSTEMS } from './systems.ts';
import { sayLost, sayUnmarked } from './unmarked.ts';
import { vendorIdentityOf } from './vendor-span.ts';
import { sentryClient, Vendors } from './vendors.ts';
import { Visibility } from './visibility.ts';
import { WorkAfterCancel } from './work-after-cancel.ts';

/** Calls back for every write to `target` from now on, and for its end. */
type WatchLateWrites = (target: object, onWrite: (isEnd: boolean) => void) => void;

export class Recorder implements Host {
  readonly stopsWithOwner: boolean;
  readonly #config: ResolvedConfig;
  readonly abortOrigins: AbortOrigins;
  readonly #tracer: () => Tracer;
  readonly #watchLateWrites: WatchLateWrites;
  readonly #guard: Guard;
  readonly #watchHandled: (operation: Operation) => void;
  readonly #metrics = new Metrics();
  readonly #visibility = new Visibility(() => this.#metrics.isOn);
  readonly #workAfterCancel: WorkAfterCancel;
  readonly #deadlines: Deadlines;
  /** Only when asked for. */
  readonly #asyncResources: AsyncResources | undefined;
  readonly #owned: OwnedOperations;
  readonly #open = new OpenOperations();
  readonly #vendors: Vendors;

  constructor(
    config: ResolvedConfig,
    abortOrigins: AbortOrigins,
    tracer: () => Tracer,
    watchLateWrites: WatchLateWrites,
    guard: Guard,
  ) {
    this.#config = config;
    this.stopsWithOwner = config.propagate.cancel;
    this.abortOrigins = abortOrigins;
    this.#tracer = tracer;
    this.#watchLateWrites = watchLateWrites;
    this.#guard = guard;
    this.#vendors = new Vendors(guard);
    // Cancelled by the time that its handler returned.
    this.#watchHandled = guard((operation) => this.#workAfterCancel.watch(operation));
    this.#workAfterCancel = new WorkAfterCancel(tracer, config, this.#metrics, guard);
    const addFinding: AddFinding = (operation, rule, detail) => this.addFinding(operation, rule, detail);
    this.#deadlines = new Deadlines(config, addFinding, guard);
    this.#owned = new OwnedOperations(
      this.#open,
      addFinding,
      this.#workAfterCancel,
      config.capturePendingStack,
      guard,
    );
    this.#asyncResources = config.trackAsync ? new AsyncResources() : undefined;
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
    const span = trace.getSpan(active);
    if (span !== undefined && isOfficialSpan(span, kind, scopeNames)) return span;
    return this.#vendors.justStarted(kind, scopeNames);
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
    if (!this.#metrics.isOn) return undefined;
    const active = context.active();
    const span = trace.getSpan(active);
    if (span === undefined || isSuppressedIn(active) || ownerIn(active)?.span === span) return undefined;
    return isUnsampledOfficialSpan(span, side) ? span : undefined;
  }

  adopt(side: Side, system: System, span: Span, method?: string): Operation {
    const operation = this.#operation(side, system, span, false, context.active(), undefined);
    if (this.#metrics.isOn) operation.method = method;
    claimSpan(span, operation);
    return operation;
  }

  adoptNext(operation: Operation, span: Span): void {
    const holder: OwnerHolder = { operation };
    operation.span = span;
    operation.context = extendContext(context.active(), span, OWNER_KEY, holder);
    claimSpan(span, operation);
  }

  isEndTold({ ownsSpan }: Operation): boolean {
    return ownsSpan || this.#metrics.isOn;
  }

  start(description: SpanDescription, parent: Context = context.active(), entry?: ContextEntry): Operation {
    const { side, system, name, attributes, startTime } = description;
    const kind = side === 'client' ? SpanKind.CLIENT : SpanKind.SERVER;
    const options: SpanOptions = { kind, attributes };
    if (startTime !== undefined) options.startTime = startTime;
    const span = this.#tracer().startSpan(name, options, parent);
    this.#visibility.look(span, parent);
    const own = trace.setSpan(parent, span);
    const extended = entry === undefined ? own : extendContext(own, span, entry.key, entry.value);
    const operation = this.#operation(side, system, span, true, extended, parent);
    if (this.#metrics.isOn) {
      const method = attributes[SYSTEMS[system].method];
      if (typeof method === 'string') operation.method = method;
    }
    return operation;
  }

  /** @param parent of the span, when it is known */
  #operation(
    side: Side,
    system: System,
    span: Span,
    ownsSpan: boolean,
    spanContext: Context,
    parent: Context | undefined,
  ): Operation {
    if (side === 'server') {
      // The context has to know the operation, and the operation its context: the holder is filled just below.
      const holder: OwnerHolder = { operation: undefined };
      const own = extendContext(spanContext, span, OWNER_KEY, holder);
      const operation = new Operation(side, system, span, ownsSpan, own, undefined, performance.now());
      holder.operation = operation;
      this.#open.add(operation);
      this.#owned.started(operation, this.start, parent);
      return operation;
    }
    const owner = ownerIn(spanContext);
    const operation = new Operation(side, system, span, ownsSpan, spanContext, owner, performance.now());
    this.#open.add(operation);
    this.#owned.started(operation, ownsSpan ? this.start : this.adopt, parent);
    return operation;
  }

  run<T>(
    operation: Operation,
    fn: (this: unknown, ...args: never[]) => T,
    thisArg: unknown,
    args: ArrayLike<unknown>,
  ): T {
    const result =
      context.active() === operation.context
        ? call(fn, thisArg, args)
        : // Not fn with thisArg: the context manager would call fn.bind(), which an Express application has of its own.
          context.with(operation.context, call, undefined, fn, thisArg, args);
    if (result instanceof Promise) {
      operation.handled = result;
      if (operation.lateWork !== undefined) this.#watchHandled(operation);
    }
    return result as T;
  }

  inject<Carrier>(operation: Operation, carrier: Carrier, setter: TextMapSetter<Carrier>): void {
    if (sentryClient() === undefined) propagation.inject(operation.context, carrier, setter);
    // Sentry's propagator refuses every context but the active one, and says so each time; its manager makes another of ours.
    else context.with(operation.context, () => propagation.inject(context.active(), carrier, setter));
  }

  extract<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>): Context {
    return propagation.extract(ROOT_CONTEXT, carrier, getter);
  }

  setDeadline(operation: Operation, deadline: Deadline): void {
    this.#deadlines.set(operation, deadline);
  }

  readDeadline(operation: Operation, headers: Headers): void {
    this.#deadlines.read(operation, headers);
  }

  limitToPassOn(): number | undefined {
    return this.#deadlines.limitToPassOn();
  }

  tellDeadline<Request>(
    operation: Operation,
    request: Request,
    read: ReadHeader<Request>,
  ): DeadlineHeader | undefined {
    return this.#deadlines.tell(operation, request, read);
  }

  stopWithOwner(operation: Operation, stop: () => void): void {
    if (this.stopsWithOwner && operation.owner !== undefined) operation.stop = stop;
  }

  outcomeOfStatus(statusCode: number): Outcome | undefined {
    return this.#config.cancelStatusCodes.get(statusCode);
  }

  captureDeadlineStack(above: StackTop): CapturedStack | undefined {
    return this.#deadlines.captureStack(above);
  }

  captureStack(above: StackTop): CapturedStack {
    return new CapturedStack(above, this.#config.maxStackFrames);
  }

  cancel(operation: Operation, evidence: Evidence, isConnectionAlive?: boolean): void {
    if (operation.cancellation !== undefined || operation.isSettled) return;
    const cancellation = classify(operation, evidence, performance.now());
    operation.cancellation = cancellation;
    if (isConnectionAlive !== undefined) {
      operation.span.setAttribute(ATTR_NETWORK_CONNECTION_REUSED_AFTER, isConnectionAlive);
    }
    const isRecording = operation.span.isRecording();
    if (isRecording) this.#write(operation, cancellation);
    if (operation.ownsSpan) {
      if (isRecording) sayUnmarked();
      else sayLost(this.#metrics.isOn);
    }
    if (operation.side !== 'server') return;
    // A handler that answered with the status itself is done.
    if (evidence.kind !== 'own-status') this.#watchWork(operation);
    // Last, since it calls the application: what that ends is ended because of this operation.
    operation.scope?.cancel(cancellation.outcome);
    if (this.stopsWithOwner) this.#owned.stopPending(operation);
  }

  #write(operation: Operation, cancellation: Cancellation): void {
    const { span } = operation;
    writeCancellation(span, operation.system, cancellation, decidedIn(operation, cancellation));
    if (cancellation.outcome === 'deadline_exceeded') this.#deadlines.missed(operation);
    writePending(operation, cancellation.atMs);
    this.#asyncResources?.write(operation);
    if (operation.owner !== undefined) markNeeded(operation.owner.span);
    const code = statusOf(this.#config.status, operation, cancellation);
    if (!operation.ownsSpan) fixStatus(span, code);
    else if (code === SpanStatusCode.ERROR) span.setStatus({ code });
  }

  #watchWork(operation: Operation): void {
    if (!operation.span.isRecording() && !this.#metrics.isOn) return;
    this.#workAfterCancel.watch(operation);
    if (operation.answer !== undefined) {
      const onWrite = this.#guard((isEnd: boolean) => this.lateWrite(operation, isEnd));
      this.#watchLateWrites(operation.answer, onWrite);
    }
  }

  addFinding(operation: Operation, rule: FindingRule, detail: string): void {
    if (operation.isSettled) return;
    const { span } = operation;
    this.#metrics.finding(operation, rule);
    if (span.isRecording()) operation.finding = writeFinding(span, operation.finding, rule, detail);
  }

  lateWrite(operation: Operation, isEnd: boolean): void {
    this.#workAfterCancel.write(operation, isEnd);
  }

  lateMessage(operation: Operation): void {
    this.#workAfterCancel.message(operation);
  }

  lateEnd(operation: Operation): void {
    this.#workAfterCancel.end(operation);
  }

  /** Where metrics go from now on. */
  measureBy(meter: Meter): void {
    this.#metrics.use(meter);
  }

  /** The instrumentation is switched on. */
  open(): void {
    this.#vendors.notice();
    this.#asyncResources?.open();
  }

  /** The process ends, or the instrumentation is switched off: records what is still at work, and stops all timers. */
  close(): void {
    this.#workAfterCancel.close();
    this.#deadlines.stop();
    this.#asyncResources?.close();
  }

  settle(operation: Operation, settlement?: Settlement): void {
    if (operation.isSettled) return;
    writeDeviation(operation);
    this.#over(operation);
    this.#metrics.ended(operation, settlement);
    const { span, cancellation } = operation;
    if (!operation.ownsSpan) {
      if (cancellation !== undefined) this.#endUnlessEnded(span);
      return;
    }
    if (settlement?.attributes !== undefined) span.setAttributes(settlement.attributes);
    if (settlement?.name !== undefined) span.updateName(settlement.name);
    if (cancellation === undefined) {
      if (settlement?.isError === true) {
        const { message } = settlement;
        span.setStatus(message === undefined ? ERROR_STATUS : { code: SpanStatusCode.ERROR, message });
      }
    } else if (
      cancellation.outcome === 'deadline_exceeded' &&
      settlement?.attributes?.[ATTR_ERROR_TYPE] === undefined
    ) {
      span.setAttribute(ATTR_ERROR_TYPE, 'timeout');
    }
    span.end();
  }

  /**
   * The instrumentation is switched off, and nobody will tell how what is in flight ends: spans of our own end now,
   * unmarked if not cancelled by now, and the official ones are their owners' alone.
   */
  abandon(): void {
    this.#vendors.close();
    for (const operation of this.#open.all()) this.#guard(() => this.#abandon(operation))();
  }

  #abandon(operation: Operation): void {
    this.#over(operation);
    if (operation.ownsSpan) operation.span.end();
    else if (operation.cancellation !== undefined) this.#endUnlessEnded(operation.span);
  }

  /**
   * An official span usually ends in the same tick, with attributes of its own. Where it would stay open
   * for ever or for long, it is ended here, as of now.
   */
  #endUnlessEnded(span: Span): void {
    const endTime = Date.now();
    setImmediate(
      this.#guard(() => {
        // A vendor's span ends with what it knows of the operation, and its end is not ours to make.
        if (span.isRecording() && vendorIdentityOf(span) === undefined) endAndSeal(span, endTime);
      }),
    );
  }

  #over(operation: Operation): void {
    this.#owned.ended(operation);
    operation.isSettled = true;
    this.#open.delete(operation);
    this.#asyncResources?.forget(operation);
    operation.scope?.close();
    // Whatever runs on in the context of the operation holds it, and is not to hold the messages as well.
    operation.answer = undefined;
  }
}

function call(
  fn: (this: unknown, ...args: never[]) => unknown,
  thisArg: unknown,
  args: ArrayLike<unknown>,
): unknown {
  return Reflect.apply(fn, thisArg, args);
}

const ERROR_STATUS = { code: SpanStatusCode.ERROR } as const;
