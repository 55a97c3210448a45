/** The batch processor, with a hold on the spans that wait in it: at the end of the process they are sent at once. */
import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { ExportThread } from './export-thread.ts';

/** As many as the batch processor's queue holds by default; beyond it the oldest is given up. */
const MAX_UNSENT = 2048;
/** At the end of the process the thread is given so many at a time, and exports while others are still made. */
const BATCH_AT_END = 512;
/** Bit of the trace flags (W3C Trace Context, "sampled"). */
const SAMPLED = 1;

export class UnsentSpans implements SpanProcessor {
  readonly #spans = new Set<ReadableSpan>();
  readonly #thread: ExportThread;
  readonly #batches: SpanProcessor;
  #isEnding = false;

  constructor(thread: ExportThread, createBatchProcessor: (exporter: SpanExporter) => SpanProcessor) {
    const spans = this.#spans;
    this.#thread = thread;
    this.#batches = createBatchProcessor({
      export(batch, done) {
        for (const span of batch) spans.delete(span);
        thread.send(batch);
        // At once: while it waits for an export, the batch processor keeps the process alive.
        done({ code: 0 });
      },
      shutdown: async () => {},
    });
  }

  /** The process is ending: nothing is dropped for being too much, and the batch processor will not come to its turn. */
  expectEnd(): void {
    this.#isEnding = true;
    // What it holds is here, too.
    if (this.#spans.size >= BATCH_AT_END) this.#thread.sendInAnyCase(this.take());
  }

  /** What has ended and was not handed to the thread, oldest first; it is no longer held then. */
  take(): readonly ReadableSpan[] {
    const spans = [...this.#spans];
    this.#spans.clear();
    return spans;
  }

  onStart(span: Span, parentContext: Context): void {
    this.#batches.onStart(span, parentContext);
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return;
    if (this.#isEnding) {
      if (this.#spans.size === 0) this.#thread.prepare();
      this.#spans.add(span);
      if (this.#spans.size >= BATCH_AT_END) this.#thread.sendInAnyCase(this.take());
      return;
    }
    if (this.#spans.size >= MAX_UNSENT) {
      const [oldest] = this.#spans;
      if (oldest !== undefined) this.#spans.delete(oldest);
    }
    this.#spans.add(span);
    this.#batches.onEnd(span);
  }

  async forceFlush(): Promise<void> {
    await this.#batches.forceFlush();
    await this.#thread.idle();
  }

  async shutdown(): Promise<void> {
    await this.#batches.shutdown();
    await this.#thread.idle();
  }
}
