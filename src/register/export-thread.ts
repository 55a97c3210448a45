/**
 * Exports spans and metrics from a thread of its own. In the main thread a request that the collector does not
 * answer, or the exporter's wait before its next attempt, would keep a process alive that is done; and
 * when a process ends, nothing asynchronous runs there any more.
 */
import { Worker } from 'node:worker_threads';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Endpoints } from './environment.ts';
import { ExportHealth, type Signal } from './export-health.ts';
import type { MetricsSetUp } from './export-metrics.ts';
import type { Measured } from './measurements.ts';
import { otlpJson } from './otlp-json.ts';
import type { Warn } from './variables.ts';

/** How long the end of the process may be held up, in ms, from when it is known on. */
const EXIT_LIMIT_MS = 2_000;
/** The longest wait for an answer then, and how much less than all that is left, in ms: the thread has a last word to say. */
const LAST_EXPORT_MS = 1_000;
const LAST_WORD_MS = 100;

/** What the thread is started with. */
export interface ExportSettings {
  readonly endpoints: Endpoints;
  /** Whether nothing is said of exports that fail. */
  readonly isQuiet: boolean;
  /** Int32s, see SETTLED. At the end the main thread gets no more messages. */
  readonly settled: SharedArrayBuffer;
}

/** Of how many spans the thread knows what became of them, and how many of them are lost without its having said so yet. */
export const SETTLED = { spans: 0, untold: 1 } as const;

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
  /** Whether all of it has arrived. */
  readonly isExported: boolean;
}

export class ExportThread {
  readonly #settings: ExportSettings;
  readonly #settledSpans: Int32Array;
  readonly #maxUnderWay: number;
  /** Of what never comes to the thread, or of what that one never comes to tell. */
  readonly #health: Readonly<Record<Signal, ExportHealth>>;
  /** By id, how many spans are in the batches that the thread has not reported on. */
  readonly #underWay = new Map<number, number>();
  readonly #waiting: (() => void)[] = [];
  /** Called when something that was under way no longer is. */
  onRoom: () => void = () => {};
  #lastId = 0;
  /** Spans, from the beginning on. */
  #handedOver = 0;
  #worker: Worker | undefined;
  /** Whether the thread has a last word to say of what failed. */
  #hasFailed = false;
  /** On the clock of performance.now(), in ms, once the end is known. */
  #endsAtMs: number | undefined;

  /** @param maxUnderWay so many spans, and there is no room for more */
  constructor(settings: Omit<ExportSettings, 'settled'>, maxUnderWay: number, warn: Warn) {
    const settled = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#settings = { ...settings, settled };
    this.#settledSpans = new Int32Array(settled);
    this.#maxUnderWay = maxUnderWay;
    const { traces, metrics } = settings.endpoints;
    this.#health = {
      spans: new ExportHealth('spans', traces, warn),
      metrics: new ExportHealth('metrics', metrics, warn),
    };
  }

  /** Spans that were handed over and of which nothing is known. The count of the settled ones starts again after 2³² of them. */
  get #unsettled(): number {
    return (this.#handedOver - Atomics.load(this.#settledSpans, SETTLED.spans)) | 0;
  }

  /** Hands over what was measured. */
  sendMetrics(metrics: MetricsToExport, isDue: boolean): void {
    this.#post({ id: ++this.#lastId, metrics, isDue }, 0, []);
  }

  hasRoomFor(spans: number): boolean {
    return this.#unsettled + spans <= this.#maxUnderWay;
  }

  /** Spans that are not handed over: the thread tells of them, as of all that is lost. Never throws. */
  giveUp(lost: number, cause: string): void {
    this.#hasFailed = true;
    try {
      this.#start().postMessage({ lost, cause } satisfies GivenUp);
      this.#handedOver += lost;
    } catch {
      this.#health.spans.failed(lost, new Error(cause));
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

  /** Hands the spans over, however many are under way. Never throws. */
  sendInAnyCase(spans: readonly ReadableSpan[]): void {
    let body: Uint8Array<ArrayBuffer>;
    try {
      body = otlpJson(spans);
    } catch (error) {
      // By what the application has put into one of them.
      const half = spans.length >> 1;
      if (half === 0) this.giveUp(spans.length, String(error));
      else for (const part of [spans.slice(0, half), spans.slice(half)]) this.sendInAnyCase(part);
      return;
    }
    this.#post({ id: ++this.#lastId, spans: { count: spans.length, body } }, spans.length, [body.buffer]);
  }

  /** @param moved what is not copied, and gone here then */
  #post(batch: Batch | MetricsBatch, spans: number, moved: readonly ArrayBuffer[]): void {
    this.#underWay.set(batch.id, spans);
    this.#handedOver += spans;
    try {
      this.#start().postMessage(batch, moved);
    } catch (error) {
      this.#loseThread(error);
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
    if (isDone && !this.#hasFailed) return;
    const health = this.#health;
    health.spans.ending();
    health.metrics.ending();
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
      if (Atomics.compareExchange(lastWord, 0, nobody, mainThread) !== nobody) return;
      const lost = this.#unsettled + Atomics.load(this.#settledSpans, SETTLED.untold);
      if (lost > 0) health.spans.failed(lost, new Error('the process ended before all were sent'));
    } catch (error) {
      if (spans.length > 0) health.spans.failed(spans.length, error);
    } finally {
      health.spans.ended();
      health.metrics.ended();
    }
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
      if (isExported) this.#health.spans.succeeded();
      else this.#hasFailed = true;
      this.#underWay.delete(id);
      this.onRoom();
      this.#settled();
    });
    const lose = (error: unknown): void => {
      // One that was started since has the batches that are under way now.
      if (this.#worker === worker) this.#loseThread(error);
    };
    worker.on('error', lose);
    worker.on('exit', () => lose(new Error('the thread that exports has ended')));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  /** There is no thread. */
  #loseThread(error: unknown): void {
    this.#worker = undefined;
    this.#hasFailed = true;
    for (const spans of this.#underWay.values()) {
      this.#health[spans > 0 ? 'spans' : 'metrics'].failed(spans, error);
      // Counted by this: at the end they are not to be counted again.
      this.#handedOver -= spans;
    }
    this.#underWay.clear();
    this.#settled();
  }

  #settled(): void {
    if (this.#underWay.size > 0) return;
    this.#worker?.unref();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
