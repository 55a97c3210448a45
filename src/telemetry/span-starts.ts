/**
 * Sees the spans that others start: where the SDK tells its span processors of them, which are found on the span of an incoming
 * operation. So nothing has to be set up, and only those providers are seen whose spans are marked.
 *
 * Limitations. That a span has its processor is private to the SDK, of 1.x, 2.x and 3.x alike. Spans of @sentry/node and of
 * dd-trace have none.
 */
import type { Context, Span } from '@opentelemetry/api';
import type { StackTop } from '../operation/captured-stack.ts';

/** @param above whose callers started the span */
export type SeeStart = (span: Span, parent: Context, above: StackTop) => void;

/** Calls back when the processor is told of a span that was started; returns its undo. */
export type WatchStarts = (processor: object, see: SeeStart) => () => void;

interface SdkSpan extends Span {
  readonly _spanProcessor?: { readonly onStart?: unknown };
}

export class SpanStarts {
  readonly #watchStarts: WatchStarts;
  readonly #see: SeeStart;
  /** Of each processor that is watched. */
  readonly #undos = new Map<object, () => void>();
  #latest: object | undefined;

  constructor(watchStarts: WatchStarts, see: SeeStart) {
    this.#watchStarts = watchStarts;
    this.#see = see;
  }

  /** @param span of an incoming operation: what is started for it is to be seen */
  notice(span: Span): void {
    const processor = (span as SdkSpan)._spanProcessor;
    if (processor === undefined || processor === this.#latest) return;
    this.#latest = processor;
    if (this.#undos.has(processor) || typeof processor.onStart !== 'function') return;
    this.#undos.set(processor, this.#watchStarts(processor, this.#see));
  }

  close(): void {
    for (const undo of this.#undos.values()) undo();
    this.#undos.clear();
    this.#latest = undefined;
  }
}
