/**
 * Exports spans and metrics from a thread of its own. In the main thread a request that the collector does not
 * answer, or the exporter's wait before its next attempt, would keep a process alive that is done; and
 * when a process ends, nothing asynchronous runs there any more.
 */
import { Worker } from 'node:worker_threads';
import { diag } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { PACKAGE_NAME } from '../version.ts';
import type { MetricsSetUp } from './export-metrics.ts';
import type { Measured } from './measurements.ts';

/** How long the end of the process may be held up, in ms. */
const EXIT_LIMIT_MS = 2_000;
/** As many as the batch processor's queue holds by default; what comes on top of them is given up. */
const MAX_UNDER_WAY = 2048;

/** A batch to export. */
export interface Batch {
  readonly id: number;
  readonly spans: readonly unknown[];
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

/** The last batch: the thread sets the flag, one Int32, from 0 to 1 when there is nothing left to wait for. */
export interface LastBatch {
  readonly spans: readonly unknown[];
  readonly metrics: MetricsToExport | undefined;
  readonly done: SharedArrayBuffer;
  readonly timeoutMs: number;
}

/** What became of a batch. */
export interface BatchResult {
  readonly id: number;
  readonly error: string | undefined;
}

export class ExportThread {
  /** By id, how many spans are in the batches that the thread has not reported on. */
  readonly #underWay = new Map<number, number>();
  readonly #waiting: (() => void)[] = [];
  #lastId = 0;
  #worker: Worker | undefined;

  /** Hands over what was measured; whether it arrives, when it is due, is said through diag. */
  sendMetrics(metrics: MetricsToExport, isDue: boolean): void {
    const id = ++this.#lastId;
    this.#underWay.set(id, 0);
    this.#post({ id, metrics, isDue });
  }

  /** Hands the spans over; whether they arrive is said through diag. */
  send(spans: readonly ReadableSpan[]): void {
    const id = ++this.#lastId;
    let total = spans.length;
    for (const count of this.#underWay.values()) total += count;
    this.#underWay.set(id, spans.length);
    if (total > MAX_UNDER_WAY) {
      this.#settle({ id, error: `${spans.length} spans given up, the collector is too slow` });
      return;
    }
    this.#post({ id, spans: cloneable(spans) });
  }

  #post(batch: Batch | MetricsBatch): void {
    try {
      this.#start().postMessage(batch);
    } catch (error) {
      this.#settle({ id: batch.id, error: String(error) });
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
    if (spans.length === 0 && metrics === undefined && this.#underWay.size === 0) return;
    try {
      const done = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
      const timeoutMs = EXIT_LIMIT_MS / 2;
      const last: LastBatch = { spans: cloneable(spans), metrics, done, timeoutMs };
      this.#start().postMessage(last);
      Atomics.wait(new Int32Array(done), 0, 0, EXIT_LIMIT_MS);
    } catch {
      // The process is ending: there is nobody left to tell, and nothing may change how it ends.
    }
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./export-worker.js', import.meta.url), {
      // Not this entry once more, which the thread would inherit by --import or --require.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    worker.on('message', (result: BatchResult) => this.#settle(result));
    worker.on('error', (error) => this.#giveUp(String(error)));
    worker.on('exit', () => this.#giveUp('the thread that exports has ended'));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #giveUp(error: string): void {
    this.#worker = undefined;
    for (const id of this.#underWay.keys()) this.#settle({ id, error });
  }

  #settle({ id, error }: BatchResult): void {
    this.#underWay.delete(id);
    if (error !== undefined) diag.error(`${PACKAGE_NAME}: not exported: ${error}`);
    if (this.#underWay.size > 0) return;
    this.#worker?.unref();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** What an exporter reads of spans, in a form that can be passed to a thread. It groups them by identical resources. */
function cloneable(spans: readonly ReadableSpan[]): unknown[] {
  const resources = new Map<unknown, object>();
  return spans.map((span) => {
    const { resource } = span;
    const plain = resources.get(resource) ?? {
      attributes: resource.attributes,
      schemaUrl: resource.schemaUrl,
    };
    resources.set(resource, plain);
    return cloneableSpan(span, plain);
  });
}

function cloneableSpan(span: ReadableSpan, resource: object): unknown {
  return {
    name: span.name,
    kind: span.kind,
    context: plainContext(span.spanContext()),
    parentSpanContext: span.parentSpanContext && plainContext(span.parentSpanContext),
    startTime: span.startTime,
    endTime: span.endTime,
    status: span.status,
    attributes: span.attributes,
    links: span.links.map((link) => ({ ...link, context: plainContext(link.context) })),
    events: span.events,
    duration: span.duration,
    ended: span.ended,
    resource,
    instrumentationScope: { ...span.instrumentationScope },
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function plainContext(context: ReturnType<ReadableSpan['spanContext']>): unknown {
  const { traceId, spanId, traceFlags, isRemote, traceState } = context;
  return { traceId, spanId, traceFlags, isRemote, traceState: traceState?.serialize() };
}
