/** Runs in a thread while the process ends: exports the spans it is given, then wakes the main thread. */
import { createRequire } from 'node:module';
import { workerData } from 'node:worker_threads';
import { createTraceState } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import type { ExitWorkerData } from './exit.ts';

interface PlainContext {
  readonly traceState?: string;
}

interface PlainSpan {
  readonly context: PlainContext;
  readonly parentSpanContext?: PlainContext;
  readonly links: readonly { readonly context: PlainContext }[];
}

const { spans, done, timeoutMs } = workerData as ExitWorkerData;

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

function wake(): void {
  const flag = new Int32Array(done);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

try {
  const require = createRequire(import.meta.url);
  const { OTLPTraceExporter } =
    require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http');
  // Too short for the exporter's retries: an absent collector is found out at once.
  const exporter = new OTLPTraceExporter({ timeoutMillis: timeoutMs });
  exporter.export(
    spans.map((span) => revive(span as PlainSpan)),
    wake,
  );
} catch {
  wake();
}
