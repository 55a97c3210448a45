/**
 * Sees the spans that others start: where the SDK tells its span processors of them, which are found on the span of an incoming
 * operation. So nothing has to be set up, and only those providers are seen whose spans are marked. Where jobs are awaited, whose
 * spans are to be seen from the first one on, the global provider tells.
 *
 * Limitations. That a span and a provider have a processor is private to the SDK, of 1.x, 2.x and 3.x alike. Spans of
 * @sentry/node and of dd-trace have none.
 */
import type { Context, Span } from '@opentelemetry/api';
import { globalProvider } from '../global-api.ts';
import type { StackTop } from '../operation/captured-stack.ts';
import type { Guard } from '../operation/guard.ts';

/** @param above whose callers started the span */
export type SeeStart = (span: Span, parent: Context, above: StackTop) => void;

/** Calls back when the processor is told of a span that was started; returns its undo. */
export type WatchStarts = (processor: object, see: SeeStart) => () => void;

interface Processor {
  readonly onStart?: unknown;
}

interface SdkSpan extends Span {
  readonly _spanProcessor?: Processor;
}

/** Of 1.x; of 2.x and 3.x. */
interface SdkProvider {
  readonly activeSpanProcessor?: Processor;
  readonly _activeSpanProcessor?: Processor;
}

/** An SDK that is set up no later than this after us, in ms, is found: usually it is in the same turn. */
const LOOK_AFTER_MS = [0, 1_000];

export class SpanStarts {
  readonly #watchStarts: WatchStarts;
  readonly #see: SeeStart;
  readonly #guard: Guard;
  /** Of each processor that is watched. */
  readonly #undos = new Map<object, () => void>();
  #latest: object | undefined;
  #timers: NodeJS.Timeout[] = [];

  constructor(watchStarts: WatchStarts, see: SeeStart, guard: Guard) {
    this.#watchStarts = watchStarts;
    this.#see = see;
    this.#guard = guard;
  }

  /** @param span of an incoming operation: what is started for it is to be seen */
  notice(span: Span): void {
    this.#watch((span as SdkSpan)._spanProcessor);
  }

  /** Now, and when it has had time to be set up. */
  lookForProvider(): void {
    const look = this.#guard(() => this.#noticeProvider());
    look();
    for (const afterMs of LOOK_AFTER_MS) this.#timers.push(setTimeout(look, afterMs).unref());
  }

  #noticeProvider(): void {
    const provider = globalProvider() as SdkProvider | undefined;
    this.#watch(provider?._activeSpanProcessor ?? provider?.activeSpanProcessor);
  }

  #watch(processor: Processor | undefined): void {
    if (processor === undefined || processor === this.#latest) return;
    this.#latest = processor;
    if (this.#undos.has(processor) || typeof processor.onStart !== 'function') return;
    this.#undos.set(processor, this.#watchStarts(processor, this.#see));
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    for (const undo of this.#undos.values()) undo();
    this.#undos.clear();
    this.#latest = undefined;
  }
}
