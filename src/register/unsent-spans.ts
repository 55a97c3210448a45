/** Keeps hold of the spans that have ended and whose export is not yet confirmed. */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** As many as the batch processor's queue holds by default; beyond it the oldest is given up. */
const MAX_UNSENT = 2048;
/** Bit of the trace flags (W3C Trace Context, "sampled"). */
const SAMPLED = 1;

export class UnsentSpans implements SpanProcessor {
  readonly #spans = new Set<ReadableSpan>();

  /** What has ended and is not confirmed, oldest first; those are given up. */
  take(): readonly ReadableSpan[] {
    const spans = [...this.#spans];
    this.#spans.clear();
    return spans;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return;
    if (this.#spans.size >= MAX_UNSENT) {
      const [oldest] = this.#spans;
      if (oldest !== undefined) this.#spans.delete(oldest);
    }
    this.#spans.add(span);
  }

  /** The same exporter; spans that it is done with, sent or given up, are no longer held. */
  watch(exporter: SpanExporter): SpanExporter {
    const spans = this.#spans;
    return {
      export(batch, done) {
        exporter.export(batch, (result) => {
          for (const span of batch) spans.delete(span);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    };
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
