/**
 * Spans that an official instrumentation made for the same operation: how to recognise one, and how to
 * keep it true after the cancel without that instrumentation noticing.
 */
import {
  type Attributes,
  type Context,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Operation, Side } from '../operation/operation.ts';
import { vendorIdentityOf, vendorParentIdOf } from './vendor-span.ts';

const kOperation: unique symbol = Symbol('opentelemetry.cancellation.operation');

/** What the SDK's Span has beyond the API, in its generations 1.x (instrumentationLibrary, parentSpanId) and 2.x. */
interface SdkSpan extends Span {
  readonly kind?: SpanKind;
  readonly instrumentationScope?: { readonly name: string };
  readonly instrumentationLibrary?: { readonly name: string };
  readonly parentSpanContext?: { readonly spanId: string };
  readonly parentSpanId?: string;
  [kOperation]?: Operation;
}

/** True when the span is of this kind and of one of these scopes, recording, and free to be claimed. */
export function isOfficialSpan(span: SdkSpan, kind: SpanKind, scopeNames: readonly string[]): boolean {
  if (span.kind === undefined) {
    const identity = vendorIdentityOf(span);
    if (identity?.kind !== kind || !scopeNames.includes(identity.scopeName)) return false;
  } else {
    if (span.kind !== kind) return false;
    const scope = span.instrumentationScope ?? span.instrumentationLibrary;
    if (scope === undefined || !scopeNames.includes(scope.name)) return false;
  }
  // A retry is a second operation under the first one's span: that span is free again.
  return span[kOperation]?.isSettled !== false && span.isRecording();
}

/**
 * True when the span may be the one that an official instrumentation has just made for an operation that is not
 * sampled. It tells neither kind nor scope; but it was made here, and no operation has it. (Where an official
 * instrumentation ignores an operation, the active span is that of whoever started it: an unsampled one that
 * the application made itself is taken for its.)
 */
export function isUnsampledOfficialSpan(span: SdkSpan, side: Side): boolean {
  if (span.isRecording() || span.kind !== undefined || span.spanContext().isRemote === true) return false;
  const claimed = span[kOperation];
  return claimed === undefined || (claimed.isSettled && claimed.side === side);
}

/** True when an operation has or had it. */
export function isClaimed(span: SdkSpan): boolean {
  return span[kOperation] !== undefined;
}

export function claimSpan(span: SdkSpan, operation: Operation): void {
  span[kOperation] = operation;
}

export function parentSpanIdOf(span: SdkSpan): string | undefined {
  return span.parentSpanContext?.spanId ?? span.parentSpanId ?? vendorParentIdOf(span);
}

/**
 * The context with a value more. An official instrumentation binds its own context to the emitters of an
 * incoming operation, so that listeners run in that one and never in one that is derived from it here:
 * where the API's Context has the Map that it is made of, the value is put into that. Such a context is
 * made for one operation: it holds the span. For a span of our own it saves a copy of the Map.
 */
export function extendContext(spanContext: Context, span: Span, key: symbol, value: unknown): Context {
  const { _currentContext: values } = spanContext as { readonly _currentContext?: unknown };
  if (!(values instanceof Map) || trace.getSpan(spanContext) !== span)
    return spanContext.setValue(key, value);
  values.set(key, value);
  return spanContext;
}

/**
 * Calls `observe` at the end of the span, while it can still be written to.
 *
 * @param observe must not throw; is given the time that the span is ended with, if any
 */
export function beforeEnd(span: Span, observe: (endTime: unknown) => void): void {
  const { end } = span;
  shadow(span, 'end', function endAfterwards(this: Span, ...args: unknown[]) {
    observe(args[0]);
    return Reflect.apply(end, this, args);
  });
}

/** Calls `observe` for each error that is written on the span. @param observe must not throw */
export function beforeException(span: Span, observe: (error: unknown) => void): void {
  const { recordException } = span;
  shadow(span, 'recordException', function recordAfterwards(this: Span, ...args: unknown[]) {
    observe(args[0]);
    return Reflect.apply(recordException, this, args as Parameters<Span['recordException']>);
  });
}

/** From the cancel on the status is what the conventions say of a cancel, whatever its owner thinks the error was. */
export function fixStatus(span: Span, code: SpanStatusCode): void {
  if (code === SpanStatusCode.ERROR) span.setStatus({ code });
  shadow(span, 'setStatus', function setStatus(this: Span) {
    return this;
  });
}

/** Its owner ends it in a moment: as of this point in time, on the clock of performance.now(), unless it names another. */
export function endAsOf(span: Span, endedAtMs: number): void {
  const { end } = span;
  shadow(span, 'end', function endEarlier(this: Span, endTime: unknown = endedAtMs) {
    return Reflect.apply(end, this, [endTime]);
  });
}

/** What its owner says of this attribute would not be true. */
export function withhold(span: Span, key: string): void {
  const { setAttribute, setAttributes } = span;
  shadow(span, 'setAttribute', function setOther(this: Span, ...args: unknown[]) {
    return args[0] === key
      ? this
      : Reflect.apply(setAttribute, this, args as Parameters<Span['setAttribute']>);
  });
  shadow(span, 'setAttributes', function setOthers(this: Span, attributes: unknown) {
    const { [key]: _withheld, ...others } = attributes as Attributes;
    return Reflect.apply(setAttributes, this, [others]);
  });
}

/**
 * Ends the span, then makes it deaf: its owner may come back, long after the cancel, with attributes and
 * an end of its own, and the SDK would warn of each.
 *
 * @param endedAtMs on the clock of performance.now()
 */
export function endAndSeal(span: Span, endedAtMs: number): void {
  span.end(endedAtMs);
  function ignore(this: Span): Span {
    return this;
  }
  for (const method of MUTATORS) shadow(span, method, ignore);
}

const MUTATORS = [
  'setAttribute',
  'setAttributes',
  'addEvent',
  'addLink',
  'addLinks',
  'setStatus',
  'updateName',
  'recordException',
  'end',
] as const;

function shadow(
  span: Span,
  method: (typeof MUTATORS)[number],
  value: (this: Span, ...args: unknown[]) => unknown,
): void {
  Object.defineProperty(span, method, { value, configurable: true, writable: true, enumerable: false });
}
