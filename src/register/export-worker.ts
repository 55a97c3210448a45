/** Runs in the thread of ExportThread: exports the batches it is sent. */
import { Console } from 'node:console';
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import { createTraceState } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { MetricsExport } from './export-metrics.ts';
import type { Batch, BatchResult, LastBatch, MetricsBatch } from './export-thread.ts';
import { OTLPTraceExporter } from './exporter-packages.ts';

interface PlainContext {
  readonly traceState?: string;
}

interface PlainSpan {
  readonly context: PlainContext;
  readonly parentSpanContext?: PlainContext;
  readonly links: readonly { readonly context: PlainContext }[];
}

const exporter: SpanExporter = new OTLPTraceExporter();
const underWay = new Set<Promise<void>>();
let metricsExport: MetricsExport | undefined;

// The thread's own output is written by the main thread, which at the end of the process waits for this one.
const stdout = new Writable({
  write(chunk: Buffer, _encoding, written) {
    writeSync(1, chunk);
    written();
  },
});
globalThis.console = new Console({ stdout, stderr: process.stderr });

parentPort?.on('message', (batch: Batch | MetricsBatch | LastBatch) => {
  if ('done' in batch) {
    exportLast(batch);
    return;
  }
  const exported = ('spans' in batch ? exportBatch(exporter, batch.spans) : exportMetrics(batch)).then(
    (error) => {
      parentPort?.postMessage({ id: batch.id, error } satisfies BatchResult);
    },
  );
  underWay.add(exported);
  exported.finally(() => underWay.delete(exported));
});

async function exportMetrics({ metrics, isDue }: MetricsBatch): Promise<string | undefined> {
  const target = receive(metrics);
  return isDue ? await target.exportAll() : undefined;
}

function receive({ setUp, measured }: MetricsBatch['metrics']): MetricsExport {
  metricsExport ??= new MetricsExport(setUp);
  metricsExport.receive(measured);
  return metricsExport;
}

function exportLast({ spans, metrics, done, timeoutMs }: LastBatch): void {
  const flag = new Int32Array(done);
  const wake = (): void => {
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  };
  // Too short for the exporter's retries: an absent collector is found out at once.
  const lastExporter = new OTLPTraceExporter({ timeoutMillis: timeoutMs });
  const exportedMetrics = metrics && receive(metrics).exportAll(timeoutMs);
  Promise.all([exportBatch(lastExporter, spans), exportedMetrics, ...underWay]).then(wake, wake);
  setTimeout(wake, timeoutMs);
}

/** Says what went wrong, if anything did. */
async function exportBatch(to: SpanExporter, spans: readonly unknown[]): Promise<string | undefined> {
  if (spans.length === 0) return undefined;
  return await new Promise((resolve) => {
    to.export(
      spans.map((span) => revive(span as PlainSpan)),
      ({ code, error }) => resolve(code === 0 ? undefined : String(error ?? 'for an unknown reason')),
    );
  });
}

function revive(plain: PlainSpan): ReadableSpan {
  const context = reviveContext(plain.context);
  return {
    ...plain,
    spanContext: () => context,
    parentSpanContext: plain.parentSpanContext && reviveContext(plain.parentSpanContext),
    links: plain.links.map((link) => ({ ...link, context: reviveContext(link.context) })),
  } as unknown as ReadableSpan;
}

function reviveContext({ traceState, ...context }: PlainContext): object {
  return traceState === undefined ? context : { ...context, traceState: createTraceState(traceState) };
}
