/** Spans that have ended, until they are handed to the thread that exports: in batches, or after a while, and at the end of the process. */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { BatchEnvironment } from './environment.ts';
import type { ExportThread } from './export-thread.ts';

/** At the end of the process the thread is given so many at a time, and exports while others are still made. */
const BATCH_AT_END = 512;
/** Bit of the trace flags (W3C Trace Context, "sampled"). */
const SAMPLED = 1;

/** Not the batch processor of the SDK: that one does not tell how much it drops. Here each span is handed over, or given up and counted. */
export class UnsentSpans implements SpanProcessor {
  readonly #thread: ExportThread;
  readonly #batches: BatchEnvironment;
  #spans: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(thread: ExportThread, batches: BatchEnvironment) {
    this.#thread = thread;
    this.#batches = batches;
    thread.onRoom = () => {
      if (this.#spans.length >= batches.size) this.#handOver();
    };
  }

  /** The process is ending: from now on nothing is dropped for being too much, and no timer will come to its turn. */
  expectEnd(): void {
    this.#isEnding = true;
    if (this.#spans.length >= BATCH_AT_END) this.#thread.sendInAnyCase(this.take());
  }

  /** What has ended and was not handed to the thread, oldest first; it is no longer held then. */
  take(): readonly ReadableSpan[] {
    const spans = this.#spans;
    this.#spans = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return spans;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return;
    const unsent = this.#spans.push(span);
    if (this.#isEnding) {
      if (unsent === 1) this.#thread.prepare();
      if (unsent >= BATCH_AT_END) this.#thread.sendInAnyCase(this.take());
      return;
    }
    if (unsent >= this.#batches.size) this.#handOver();
    else this.#wait();
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#handOver();
    }, this.#batches.delayMs).unref();
  }

  /** All that the thread has room for; what waits for room must not be too much. */
  #handOver(): void {
    const { size, maxUnsent } = this.#batches;
    while (this.#spans.length > 0 && this.#thread.hasRoomFor(Math.min(size, this.#spans.length)))
      this.#thread.sendInAnyCase(this.#takeBatch());
    if (this.#spans.length >= maxUnsent)
      this.#thread.giveUp(
        this.#takeBatch().length,
        `more than ${maxUnsent} spans wait (OTEL_BSP_MAX_QUEUE_SIZE)`,
      );
    if (this.#spans.length > 0) this.#wait();
  }

  #takeBatch(): readonly ReadableSpan[] {
    const { size } = this.#batches;
    return this.#spans.length <= size ? this.take() : this.#spans.splice(0, size);
  }

  async forceFlush(): Promise<void> {
    // What had no room has it then.
    for (let times = 0; times < 2; times++) {
      this.#handOver();
      await this.#thread.idle();
    }
  }

  shutdown(): Promise<void> {
    return this.forceFlush();
  }
}
