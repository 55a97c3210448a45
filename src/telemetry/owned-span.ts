/** A span that somebody else made for an incoming operation. */
import { type Attributes, type HrTime, type Span, SpanKind, type SpanStatus } from '@opentelemetry/api';
import type { Frame } from '../cancellation/frame.ts';
import type { Stack } from '../operation/evidence.ts';
import { isClaimed } from './official-span.ts';

/** What an SDK's span has beyond the API, in its generations 1.x (instrumentationLibrary), 2.x and 3.x. */
export interface SdkSpan extends Span {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly status?: SpanStatus;
  readonly startTime?: HrTime;
  readonly duration?: HrTime;
  readonly instrumentationScope?: { readonly name: string };
  readonly instrumentationLibrary?: { readonly name: string };
}

/**
 * Instrumentations whose INTERNAL spans are handlers of frameworks, or what is called around them: one that ends says
 * that there was work until then. That of any other may be one that is not waited for.
 */
const FRAMEWORKS =
  /^(?:@opentelemetry\/instrumentation-(?:hapi|koa|fastify|express|connect|restify|router|nestjs-core|graphql)|@fastify\/otel|next\.js)$/;

export function scopeOf(span: SdkSpan): string | undefined {
  return (span.instrumentationScope ?? span.instrumentationLibrary)?.name;
}

export class OwnedSpan {
  readonly span: SdkSpan;
  /** On the clock of performance.now(), in ms. */
  startedAtMs: number = performance.now();
  /** Of whoever started it, when it goes to another system. */
  startStack: Stack | undefined = undefined;
  /** Of one that was open at the cancel: the line that started it, when it is known. */
  line: Frame | undefined = undefined;
  /** Of one that goes to another system: it does so inside of another that does. Known after the cancel. */
  isInside = false;

  constructor(span: SdkSpan) {
    this.span = span;
  }

  /** Neither over nor the span of an operation of ours. */
  get isOpen(): boolean {
    return this.span.isRecording() && !isClaimed(this.span);
  }

  /** Undefined while it is open. */
  get endedAtMs(): number | undefined {
    const { duration } = this.span;
    if (this.span.isRecording() || duration === undefined) return undefined;
    return this.startedAtMs + duration[0] * 1_000 + duration[1] / 1_000_000;
  }

  /** It goes to another system. */
  get isOutgoing(): boolean {
    const { kind } = this.span;
    return kind === SpanKind.CLIENT || kind === SpanKind.PRODUCER;
  }

  /** Part of what this process does itself. */
  get isInternal(): boolean {
    return this.span.kind === SpanKind.INTERNAL;
  }

  get scope(): string | undefined {
    return scopeOf(this.span);
  }

  get isOfFramework(): boolean {
    return FRAMEWORKS.test(this.scope ?? '');
  }
}
