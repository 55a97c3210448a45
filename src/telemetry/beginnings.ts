/** How an operation begins: on the official span or on one of our own, known in its context, and with its handler run there. */
import {
  type Context,
  context,
  type Span,
  SpanKind,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { ContextEntry } from '../host.ts';
import type { StackTop } from '../operation/captured-stack.ts';
import type { SpanDescription } from '../operation/description.ts';
import type { Side, System } from '../operation/operation.ts';
import { startSpan } from './deferred-span.ts';
import type { Metrics } from './metrics.ts';
import { claimSpan, extendContext, isOfficialSpan, isUnsampledOfficialSpan } from './official-span.ts';
import type { OpenOperations } from './open-operations.ts';
import { OperationRecord } from './operation-record.ts';
import type { OwnedOperations } from './owned-operations.ts';
import { isSuppressedIn, OWNER_KEY, type OwnerHolder, ownerIn } from './owner.ts';
import type { Parts } from './parts.ts';
import type { Redaction } from './redaction.ts';
import type { Shutdown } from './shutdown.ts';
import type { SpanStarts } from './span-starts.ts';
import { rowOf } from './systems.ts';
import type { Vendors } from './vendors.ts';
import type { Visibility } from './visibility.ts';

export class Beginnings {
  readonly #tracer: () => Tracer;
  readonly #metrics: Metrics;
  readonly #vendors: Vendors;
  readonly #open: OpenOperations;
  readonly #owned: OwnedOperations;
  readonly #shutdown: Shutdown;
  readonly #visibility: Visibility;
  readonly #redact: Redaction;
  readonly #spanStarts: SpanStarts;
  readonly #watchHandled: (operation: OperationRecord) => void;

  constructor(parts: Parts) {
    this.#tracer = parts.tracer;
    this.#metrics = parts.metrics;
    this.#vendors = parts.vendors;
    this.#open = parts.open;
    this.#owned = parts.owned;
    this.#redact = parts.redact;
    this.#spanStarts = parts.spanStarts;
    this.#shutdown = parts.shutdown;
    this.#visibility = parts.visibility;
    this.#watchHandled = parts.guard((operation: OperationRecord) => parts.workAfterCancel.watch(operation));
  }

  officialSpan(kind: SpanKind, scopeNames: readonly string[], active: Context): Span | undefined {
    const span = trace.getSpan(active);
    if (span !== undefined && isOfficialSpan(span, kind, scopeNames)) return span;
    return this.#vendors.justStarted(kind, scopeNames);
  }

  unsampledSpan(side: Side): Span | undefined {
    if (!this.#metrics.isOn) return undefined;
    const active = context.active();
    const span = trace.getSpan(active);
    if (span === undefined || isSuppressedIn(active) || ownerIn(active)?.span === span) return undefined;
    return isUnsampledOfficialSpan(span, side) ? span : undefined;
  }

  /** @param above whose callers started the operation, as in start() */
  adopt(
    side: Side,
    system: System,
    span: Span,
    method: string | undefined,
    above: StackTop,
  ): OperationRecord {
    const operation = this.#operation(side, system, span, false, context.active(), undefined, above);
    if (this.#metrics.isOn) operation.method = method;
    claimSpan(span, operation);
    return operation;
  }

  adoptNext(operation: OperationRecord, span: Span): void {
    const holder: OwnerHolder = { operation };
    operation.span = span;
    operation.context = extendContext(context.active(), span, OWNER_KEY, holder);
    claimSpan(span, operation);
  }

  start(
    description: SpanDescription,
    parent: Context,
    entry: ContextEntry | undefined,
    above: StackTop,
  ): OperationRecord {
    const { side, system, name, attributes, startTime } = description;
    const kind = side === 'client' ? SpanKind.CLIENT : SpanKind.SERVER;
    const options: SpanOptions = { kind, attributes: this.#redact(attributes) };
    if (startTime !== undefined) options.startTime = startTime;
    const span = startSpan(this.#tracer(), name, options, parent);
    this.#visibility.look(span, parent);
    const own = trace.setSpan(parent, span);
    const extended = entry === undefined ? own : extendContext(own, span, entry.key, entry.value);
    const operation = this.#operation(side, system, span, true, extended, parent, above);
    if (this.#metrics.isOn) {
      const method = attributes[rowOf(system).method];
      if (typeof method === 'string') operation.method = method;
    }
    return operation;
  }

  run<T>(
    operation: OperationRecord,
    fn: (this: unknown, ...args: never[]) => T,
    thisArg: unknown,
    args: ArrayLike<unknown>,
  ): T {
    const result =
      context.active() === operation.context
        ? call(fn, thisArg, args)
        : // Not fn with thisArg: the context manager would call fn.bind(), which an Express application has of its own.
          context.with(operation.context, call, undefined, fn, thisArg, args);
    // Not by handledBy(): nothing of ours is called here that could fail.
    if (result instanceof Promise) {
      operation.handled = result;
      // Cancelled by the time that its handler returned.
      if (operation.lateWork !== undefined) this.#watchHandled(operation);
    }
    return result as T;
  }

  /** The process ends: an operation that has waited since its `startTime`, and was started by nobody who is on the stack. */
  startWaiting(description: SpanDescription, parent: Context, above: StackTop): OperationRecord {
    const operation = this.start(description, parent, undefined, above);
    const { startTime } = description;
    if (startTime !== undefined) operation.startedAtMs = performance.now() - (Date.now() - startTime);
    operation.startStack = undefined;
    return operation;
  }

  /** @param result of the handler */
  handledBy(operation: OperationRecord, result: unknown): void {
    if (!(result instanceof Promise)) return;
    operation.handled = result;
    if (operation.lateWork !== undefined) this.#watchHandled(operation);
  }

  /** @param parent of the span, when it is known */
  #operation(
    side: Side,
    system: System,
    span: Span,
    ownsSpan: boolean,
    spanContext: Context,
    parent: Context | undefined,
    above: StackTop,
  ): OperationRecord {
    if (side === 'server') {
      // The context has to know the operation, and the operation its context: the holder is filled just below.
      const holder: OwnerHolder = { operation: undefined };
      const own = extendContext(spanContext, span, OWNER_KEY, holder);
      const operation = new OperationRecord(side, system, span, ownsSpan, own, undefined, performance.now());
      holder.operation = operation;
      this.#open.add(operation);
      if (this.#shutdown.isUnderWay) this.#shutdown.started(operation);
      this.#spanStarts.notice(span);
      return operation;
    }
    // Of a job the span in the context tells, and this one may be unknown to whoever told of that.
    const owner = ownerIn(parent ?? spanContext);
    const operation = new OperationRecord(
      side,
      system,
      span,
      ownsSpan,
      spanContext,
      owner,
      performance.now(),
    );
    this.#open.add(operation);
    this.#owned.started(operation, above, parent);
    return operation;
  }
}

function call(
  fn: (this: unknown, ...args: never[]) => unknown,
  thisArg: unknown,
  args: ArrayLike<unknown>,
): unknown {
  return Reflect.apply(fn, thisArg, args);
}
