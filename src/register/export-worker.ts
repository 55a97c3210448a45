/** Runs in the thread of ExportThread: exports the batches it is sent, and says whether that works. */
import { Console } from 'node:console';
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { PACKAGE_NAME } from '../version.ts';
import { ExportHealth } from './export-health.ts';
import { MetricsExport } from './export-metrics.ts';
import { SpansExport } from './export-spans.ts';
import {
  type Batch,
  type BatchResult,
  type ExportSettings,
  type GivenUp,
  LAST_WORD,
  type LastBatch,
  type MetricsBatch,
  type MetricsToExport,
  SETTLED,
  type Spans,
} from './export-thread.ts';

const { endpoints, isQuiet, settled } = workerData as ExportSettings;
const settledSpans = new Int32Array(settled);
const spansHealth = new ExportHealth('spans', endpoints.traces, say);
const metricsHealth = new ExportHealth('metrics', endpoints.metrics, say);
const spansExport = new SpansExport(endpoints.traces);
/** Exports that are not over, with the number of their spans. */
const underWay = new Map<Promise<unknown>, number>();
let metricsExport: MetricsExport | undefined;

// The thread's own output is written by the main thread, which at the end of the process waits for this one.
const stdout = new Writable({
  write(chunk: Buffer, _encoding, written) {
    writeSync(1, chunk);
    written();
  },
});
globalThis.console = new Console({ stdout, stderr: process.stderr });

function say(line: string): void {
  if (isQuiet) return;
  try {
    writeSync(2, `${PACKAGE_NAME}: ${line}\n`);
  } catch {
    // Nobody reads it any more.
  }
}

type Order = Batch | MetricsBatch | GivenUp | LastBatch;

/**
 * One in a turn of the event loop: what is sent leaves before the next is worked on. A port tells of all that have come
 * in one turn, and at the end of a process, when time is short, nothing would have left until all are worked on.
 */
const orders: Order[] = [];
parentPort?.on('message', (order: Order) => {
  if (orders.push(order) === 1) setImmediate(obeyNext);
});

function obeyNext(): void {
  const [order] = orders;
  if (order !== undefined) obey(order);
  orders.shift();
  if (orders.length > 0) setImmediate(obeyNext);
}

function obey(batch: Order): void {
  if ('lastWord' in batch) exportLast(batch);
  else if ('cause' in batch) {
    spansHealth.failed(batch.lost, new Error(batch.cause));
    settle(batch.lost);
  } else if ('spans' in batch) track(batch.id, batch.spans.count, exportSpans(spansExport, batch.spans));
  else track(batch.id, 0, exportMetrics(batch));
}

function track(id: number, spans: number, exported: Promise<boolean>): void {
  underWay.set(exported, spans);
  exported.then((isExported) => {
    underWay.delete(exported);
    settle(spans);
    parentPort?.postMessage({ id, isExported } satisfies BatchResult);
  });
}

function settle(spans: number): void {
  Atomics.store(settledSpans, SETTLED.untold, spansHealth.untold);
  Atomics.add(settledSpans, SETTLED.spans, spans);
}

function exportLast({ spans, metrics, lastWord, timeoutMs }: LastBatch): void {
  spansHealth.ending();
  metricsHealth.ending();
  const word = new Int32Array(lastWord);
  let isOver = false;
  let cause: unknown = new Error(`no answer within ${timeoutMs} ms`);
  const wake = (): void => {
    if (isOver) return;
    isOver = true;
    const { nobody, thread, said } = LAST_WORD;
    if (Atomics.compareExchange(word, 0, nobody, thread) !== nobody) return;
    let unanswered = 0;
    for (const each of underWay.values()) unanswered += each;
    if (unanswered > 0) spansHealth.failed(unanswered, cause);
    spansHealth.ended();
    metricsHealth.ended();
    Atomics.store(word, 0, said);
    Atomics.notify(word, 0);
  };
  // Too short for the exporter's retries: an absent collector is found out at once.
  const lastExport = new SpansExport(endpoints.traces, { timeoutMillis: timeoutMs });
  if (spans.count > 0) track(0, spans.count, exportSpans(lastExport, spans));
  else if (underWay.size > 0) {
    // Those that are under way may wait for their next attempt: why, an export of none finds out.
    lastExport.export(spans.body).then(({ error }) => {
      cause = error ?? cause;
    });
  }
  if (metrics !== undefined) track(0, 0, exportMetrics({ metrics, isDue: true }, timeoutMs));
  Promise.all(underWay.keys()).then(wake, wake);
  setTimeout(wake, timeoutMs);
}

async function exportMetrics(
  { metrics, isDue }: { metrics: MetricsToExport; isDue: boolean },
  lastMs?: number,
): Promise<boolean> {
  metricsExport ??= new MetricsExport(metrics.setUp, endpoints.metrics);
  metricsExport.receive(metrics.measured);
  if (!isDue) return true;
  const error = await metricsExport.exportAll(lastMs);
  if (error === 'skipped') return true;
  if (error === undefined) metricsHealth.succeeded();
  else metricsHealth.failed(0, error);
  return error === undefined;
}

async function exportSpans(to: SpansExport, { count, body }: Spans): Promise<boolean> {
  const { error, rejected = count } = await to.export(body);
  if (error === undefined) spansHealth.succeeded();
  else spansHealth.failed(Math.min(rejected, count), error);
  return error === undefined;
}
