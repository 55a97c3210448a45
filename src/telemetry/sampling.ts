/**
 * Cancelled operations in spite of head sampling, opt-in. The sampler lets unsampled spans be recorded, the
 * processor lets through those that turn out to be cancelled, and what is needed to read them. Nothing is
 * held back for later, so there is nothing to bound.
 */
import type { Attributes, Context, Link, Span, SpanContext, SpanKind } from '@opentelemetry/api';
import { TraceFlags } from '@opentelemetry/api';
import {
  ATTR_CONTEXT_CANCELED,
  ATTR_DEADLINE_EXCEEDED,
  SPAN_WORK_AFTER_CANCEL,
  SPAN_WORK_GOES_ON,
} from './attributes.ts';
import { made, waitsUntilNeeded } from './deferred-span.ts';

// The SDK's own interfaces, as far as they are used here: the SDK is no dependency of this package.

interface SamplingResult {
  readonly decision: number;
  readonly attributes?: Readonly<Attributes>;
}

interface Sampler<Result extends SamplingResult = SamplingResult> {
  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    spanKind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): Result;
  toString(): string;
}

interface EndedSpan {
  readonly name: string;
  readonly attributes: Attributes;
  spanContext(): SpanContext;
}

interface Processor<Started, Ended> {
  onStart(span: Started, parentContext: Context): void;
  onEnd(span: Ended): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** The SDK's SamplingDecision: recorded, but its trace flags say that it is not sampled. */
const RECORD = 1;
/** On the span of an incoming operation: an outgoing one of its own was cancelled. On that of a shutdown: it cut some. */
const kNeeded: unique symbol = Symbol('opentelemetry.cancellation.needed');

type Marked = object & { [kNeeded]?: true };

/** The span is needed to understand that of a cancelled operation. */
export function markNeeded(span: Span): void {
  // Once it has ended it is too late.
  if (span.isRecording()) (made(span) as Marked)[kNeeded] = true;
}

/**
 * Decides as the sampler it is given, but has what that one drops recorded, for CancellationSpanProcessor
 * to look at: spans of other instrumentations from their start on, those of this one when their operation is cancelled. The trace
 * flags stay what the given sampler says, so other services decide as before.
 */
export class CancellationSampler<Result extends SamplingResult> implements Sampler<Result> {
  readonly #sampler: Sampler<Result>;

  /** @param sampler such as `new TraceIdRatioBasedSampler(0.01)` */
  constructor(sampler: Sampler<Result>) {
    this.#sampler = sampler;
  }

  shouldSample(...args: Parameters<Sampler['shouldSample']>): Result {
    const result = this.#sampler.shouldSample(...args);
    return result.decision !== 0 || waitsUntilNeeded(this) ? result : { ...result, decision: RECORD };
  }

  toString(): string {
    return `CancellationSampler{${this.#sampler}}`;
  }
}

/**
 * Passes on what is sampled, and of the rest the spans of cancelled operations, of the incoming operations
 * that they were made for, of work after a cancel, and of a shutdown that cut something.
 */
export class CancellationSpanProcessor<Started, Ended extends EndedSpan>
  implements Processor<Started, Ended>
{
  readonly #next: Processor<Started, Ended>;

  /** @param next such as a BatchSpanProcessor, which by itself drops what is not sampled */
  constructor(next: Processor<Started, Ended>) {
    this.#next = next;
  }

  onStart(span: Started, parentContext: Context): void {
    this.#next.onStart(span, parentContext);
  }

  onEnd(span: Ended): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) this.#next.onEnd(span);
    else if (isNeeded(span)) this.#next.onEnd(asSampled(span));
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown();
  }
}

function isNeeded(span: EndedSpan): boolean {
  return (
    span.attributes[ATTR_CONTEXT_CANCELED] === true ||
    span.attributes[ATTR_DEADLINE_EXCEEDED] === true ||
    span.name === SPAN_WORK_AFTER_CANCEL ||
    span.name === SPAN_WORK_GOES_ON ||
    (span as Marked)[kNeeded] === true
  );
}

/** The same span to whoever reads it, but for the flag that exporting processors look at. */
function asSampled<Ended extends EndedSpan>(span: Ended): Ended {
  const context = span.spanContext();
  const sampled = { ...context, traceFlags: context.traceFlags | TraceFlags.SAMPLED };
  return new Proxy(span, {
    get(target, key) {
      if (key === 'spanContext') return () => sampled;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
