/**
 * Exports spans and metrics from a thread of its own. In the main thread a request that the collector does not
 * answer, or the exporter's wait before its next attempt, would keep a process alive that is done; and
 * when a process ends, nothing asynchronous runs there any more.
 */
import { Worker } from 'node:worker_threads';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Endpoints } from './environment.ts';
import { ExportHealth } from './export-health.ts';
import type { MetricsSetUp } from './export-metrics.ts';
import type { Measured } from './measurements.ts';
import { otlpJson } from './otlp-json.ts';
import type { Warn } from './variables.ts';

/** How long the end of the process may be held up, in ms, from when it is known on. */
const EXIT_LIMIT_MS = 2_000;
/** The longest wait for an answer then, and how much less than all that is left, in ms: the thread has a last word to say. */
const LAST_EXPORT_MS = 1_000;
const LAST_WORD_MS = 100;
/** As many as the batch processor's queue holds by default; what comes on top of them is given up. */
const MAX_UNDER_WAY = 2048;

/** What the thread is started with. */
export interface ExportSettings {
  readonly endpoints: Endpoints;
  /** Whether nothing is said of exports that fail. */
  readonly isQuiet: boolean;
  /** One Int32: of how many spans the thread knows what became of them. At the end the main thread gets no more messages. */
  readonly settled: SharedArrayBuffer;
}

/** Spans to export. */
export interface Spans {
  readonly count: number;
  /** Of the request. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A batch to export. */
export interface Batch {
  readonly id: number;
  readonly spans: Spans;
}

/** What was measured since the last batch. */
export interface MetricsBatch {
  readonly id: number;
  readonly metrics: MetricsToExport;
  /** Whether it is time to export. */
  readonly isDue: boolean;
}

export interface MetricsToExport {
  readonly setUp: MetricsSetUp;
  readonly measured: Measured;
}

/** Spans that are not handed over at all. */
export interface GivenUp {
  readonly lost: number;
  readonly cause: string;
}

/** Who has the last word on what was lost: the thread, which then says so, or the main thread, when its time is up. */
export const LAST_WORD = { nobody: 0, thread: 1, mainThread: 2, said: 3 } as const;

/** The last batch. */
export interface LastBatch {
  readonly spans: Spans;
  readonly metrics: MetricsToExport | undefined;
  /** One Int32, see LAST_WORD: `said` when there is nothing left to wait for. */
  readonly lastWord: SharedArrayBuffer;
  readonly timeoutMs: number;
}

/** What became of a batch. */
export interface BatchResult {
  readonly id: number;
  readonly isExported: boolean;
}

export class ExportThread {
  readonly #settings: ExportSettings;
  readonly #warn: Warn;
  /** By id, how many spans are in the batches that the thread has not reported on. */
  readonly #underWay = new Map<number, number>();
  readonly #waiting: (() => void)[] = [];
  #lastId = 0;
  /** Spans, from the beginning on. */
  #handedOver = 0;
  #worker: Worker | undefined;
  #isFailing = false;
  /** On the clock of performance.now(), in ms, once the end is known. */
  #endsAtMs: number | undefined;

  constructor(settings: Omit<ExportSettings, 'settled'>, warn: Warn) {
    this.#settings = { ...settings, settled: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
    this.#warn = warn;
  }

  /** Hands over what was measured. */
  sendMetrics(metrics: MetricsToExport, isDue: boolean): void {
    this.#post({ id: ++this.#lastId, metrics, isDue }, 0, []);
  }

  /** Hands the spans over. */
  send(spans: readonly ReadableSpan[]): void {
    let total = spans.length;
    for (const count of this.#underWay.values()) total += count;
    if (total <= MAX_UNDER_WAY) this.sendInAnyCase(spans);
    else {
      const cause = `more than ${MAX_UNDER_WAY} spans are under way`;
      this.#worker?.postMessage({ lost: spans.length, cause } satisfies GivenUp);
    }
  }

  /** The process is ending: this is when the time for it begins. */
  expectEnd(): void {
    this.#endsAtMs = performance.now() + EXIT_LIMIT_MS;
  }

  /** Something will be sent: it takes a while to start, and more where others are at work. */
  prepare(): void {
    try {
      this.#start();
    } catch {
      // Said when it is sent.
    }
  }

  /** However many are under way: the process is ending. */
  sendInAnyCase(spans: readonly ReadableSpan[]): void {
    const body = otlpJson(spans);
    this.#post({ id: ++this.#lastId, spans: { count: spans.length, body } }, spans.length, [body.buffer]);
  }

  /** @param moved what is not copied, and gone here then */
  #post(batch: Batch | MetricsBatch, spans: number, moved: readonly ArrayBuffer[]): void {
    this.#underWay.set(batch.id, spans);
    this.#handedOver += spans;
    try {
      this.#start().postMessage(batch, moved);
    } catch (error) {
      this.#giveUp(String(error));
    }
  }

  /** Waits until all that was handed over has arrived or failed, and keeps the process alive for so long. */
  async idle(): Promise<void> {
    if (this.#underWay.size === 0) return;
    this.#worker?.ref();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Sends these and waits, blocking, until they and what is under way have arrived, within a limit. */
  finish(spans: readonly ReadableSpan[], metrics: MetricsToExport | undefined): void {
    const isDone = spans.length === 0 && metrics === undefined && this.#underWay.size === 0;
    // The thread has a last word to say of what failed.
    if (isDone && !this.#isFailing) return;
    try {
      const lastWord = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
      const nowMs = performance.now();
      const leftMs = Math.max((this.#endsAtMs ?? nowMs + EXIT_LIMIT_MS) - nowMs, 2 * LAST_WORD_MS);
      const timeoutMs = Math.min(LAST_EXPORT_MS, leftMs - LAST_WORD_MS);
      const body = otlpJson(spans);
      const last: LastBatch = {
        spans: { count: spans.length, body },
        metrics,
        lastWord: lastWord.buffer,
        timeoutMs,
      };
      this.#handedOver += spans.length;
      this.#start().postMessage(last, [body.buffer]);
      const { nobody, mainThread } = LAST_WORD;
      if (Atomics.wait(lastWord, 0, nobody, leftMs) !== 'timed-out') return;
      if (Atomics.compareExchange(lastWord, 0, nobody, mainThread) === nobody) this.#sayUnsettled();
    } catch {
      // The process is ending: there is nobody left to tell, and nothing may change how it ends.
    }
  }

  /** The thread has not come so far as to say it. */
  #sayUnsettled(): void {
    const { endpoints, isQuiet, settled } = this.#settings;
    const lost = this.#handedOver - Atomics.load(new Int32Array(settled), 0);
    if (lost <= 0 || isQuiet) return;
    const health = new ExportHealth('spans', endpoints.traces, this.#warn);
    health.ending();
    health.failed(lost, new Error('the process ended before all were sent'));
    health.ended();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./export-worker.js', import.meta.url), {
      workerData: this.#settings,
      // Not this entry once more, which the thread would inherit by --import or --require.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    worker.on('message', ({ id, isExported }: BatchResult) => {
      this.#isFailing = !isExported;
      this.#settle(id);
    });
    worker.on('error', (error) => this.#giveUp(String(error)));
    worker.on('exit', () => this.#giveUp('the thread that exports has ended'));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #giveUp(error: string): void {
    this.#worker = undefined;
    if (this.#underWay.size === 0) return;
    this.#warn(`not exported: ${error}`);
    for (const [id, spans] of this.#underWay) {
      // Told of by this: at the end they are not to be told of again.
      this.#handedOver -= spans;
      this.#settle(id);
    }
  }

  #settle(id: number): void {
    this.#underWay.delete(id);
    if (this.#underWay.size > 0) return;
    this.#worker?.unref();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
