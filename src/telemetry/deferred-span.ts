/**
 * A span of an operation that is not sampled, and that is wanted only if the operation is cancelled: until then its ids and its
 * context are all there is, and what is written on it is kept for whenever it is made. Making a span that nobody will see costs as much
 * as one that everybody sees.
 */
import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';

const SCOPE = { name: PACKAGE_NAME, version: PACKAGE_VERSION };

interface SdkSpan extends Span {
  readonly attributes?: Attributes;
  readonly status?: SpanStatus;
  readonly _spanProcessor?: unknown;
}

/** What the sampler is asked, and answers, while a span of ours is started: one at a time, in one turn. */
interface Question {
  /** Whoever asks can do without the span until it is needed. */
  mayWait: boolean;
  /** The sampler that would have it recorded, and exported if it is cancelled. */
  waitsFor: object | undefined;
}

const question: Question = { mayWait: false, waitsFor: undefined };

/** Asked by a sampler that drops a span, and wants it in case of a cancel. @returns true when it will be made then */
export function waitsUntilNeeded(sampler: object): boolean {
  if (question.mayWait) question.waitsFor = sampler;
  return question.mayWait;
}

/** Where the SDK tells its processors of the spans of others, which only a span that is made shows. */
interface Made {
  readonly by: object;
  readonly processor: unknown;
}

/** The first span of each tracer is made at once. */
const first = new WeakMap<Tracer, Made>();

/** As the tracer's `startSpan()`, but that the span may be made later. */
export function startSpan(tracer: Tracer, name: string, options: SpanOptions, parent: Context): Span {
  question.mayWait = true;
  question.waitsFor = undefined;
  let span: Span;
  try {
    span = tracer.startSpan(name, options, parent);
  } finally {
    question.mayWait = false;
  }
  const by = question.waitsFor;
  if (by === undefined || span.isRecording()) return span;
  const deferred = new DeferredSpan(span.spanContext(), tracer, name, options, parent);
  let known = first.get(tracer);
  if (known?.by !== by) {
    known = { by, processor: deferred.make()._spanProcessor };
    first.set(tracer, known);
  }
  deferred._spanProcessor = known.processor;
  return deferred;
}

/** The span as the SDK has it: it is made now if it waits to be. */
export function made(span: Span): Span {
  return span instanceof DeferredSpan ? span.make() : span;
}

/** Nobody has needed it yet, and nobody will read what is written on it. */
export function isUnmade(span: Span): boolean {
  return span instanceof DeferredSpan && !span.isMade;
}

class DeferredSpan implements Span {
  readonly kind: SpanKind;
  readonly instrumentationScope: { readonly name: string; readonly version: string } = SCOPE;
  _spanProcessor: unknown;
  readonly #context: SpanContext;
  readonly #tracer: Tracer;
  readonly #options: SpanOptions;
  readonly #parent: Context;
  readonly #startTime: TimeInput;
  #name: string;
  /** What was written on it before it is made, in that order. */
  #writes: ((span: Span) => void)[] | undefined;
  #span: SdkSpan | undefined;
  #isEnded = false;

  constructor(context: SpanContext, tracer: Tracer, name: string, options: SpanOptions, parent: Context) {
    this.kind = options.kind ?? SpanKind.INTERNAL;
    this.#context = context;
    this.#tracer = tracer;
    this.#name = name;
    this.#options = options;
    this.#parent = parent;
    this.#startTime = options.startTime ?? performance.now();
  }

  get isMade(): boolean {
    return this.#span !== undefined;
  }

  make(): SdkSpan {
    if (this.#span !== undefined) return this.#span;
    const span: SdkSpan = this.#tracer.startSpan(
      this.#name,
      { ...this.#options, startTime: this.#startTime },
      this.#parent,
    );
    const context = this.#context;
    Object.defineProperty(span, 'spanContext', { value: () => context, configurable: true, writable: true });
    this.#span = span;
    for (const write of this.#writes ?? []) write(span);
    this.#writes = undefined;
    return span;
  }

  #write(write: (span: Span) => void): this {
    if (this.#span !== undefined) write(this.#span);
    else if (!this.#isEnded) {
      this.#writes ??= [];
      this.#writes.push(write);
    }
    return this;
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  isRecording(): boolean {
    return !this.#isEnded;
  }

  setAttribute(key: string, value: AttributeValue): this {
    return this.#write((span) => span.setAttribute(key, value));
  }

  setAttributes(attributes: Attributes): this {
    return this.#write((span) => span.setAttributes(attributes));
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    // The SDK would take the whole millisecond, as it does for whoever says when a span has started.
    if (isTime(attributesOrTime)) return this.#write((span) => span.addEvent(name, time ?? attributesOrTime));
    const at = time ?? performance.now();
    return this.#write((span) => span.addEvent(name, attributesOrTime, at));
  }

  addLink(link: Link): this {
    return this.#write((span) => span.addLink(link));
  }

  addLinks(links: Link[]): this {
    return this.#write((span) => span.addLinks(links));
  }

  setStatus(status: SpanStatus): this {
    return this.#write((span) => span.setStatus(status));
  }

  updateName(name: string): this {
    this.#name = name;
    this.#span?.updateName(name);
    return this;
  }

  recordException(exception: Exception, time: TimeInput = performance.now()): void {
    this.#write((span) => span.recordException(exception, time));
  }

  end(endTime: TimeInput = performance.now()): void {
    this.#isEnded = true;
    this.#writes = undefined;
    this.#span?.end(endTime);
  }

  get name(): string {
    return this.#name;
  }

  // What else the SDK's spans tell whoever looks at one.

  get parentSpanContext(): SpanContext | undefined {
    return trace.getSpanContext(this.#parent);
  }

  get attributes(): Attributes {
    return this.make().attributes ?? {};
  }

  get status(): SpanStatus | undefined {
    return this.make().status;
  }
}

function isTime(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || Array.isArray(value);
}
