import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import type {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  SpanExporter,
  TraceIdRatioBasedSampler,
  TracerConfig,
} from '@opentelemetry/sdk-trace-node';

interface Sdk {
  readonly AlwaysOnSampler: typeof AlwaysOnSampler;
  readonly ParentBasedSampler: typeof ParentBasedSampler;
  readonly TraceIdRatioBasedSampler: typeof TraceIdRatioBasedSampler;
  batchFor(exporter: SpanExporter): BatchSpanProcessor;
  providerWith(config: TracerConfig): BasicTracerProvider;
}

/** The two lines of the SDK name a few things differently. What the bench does with them is the same. */
export const sdk: Sdk = process.env.BENCH_SDK === '3' ? await line3() : await line2();

async function line2(): Promise<Sdk> {
  const found = await import('@opentelemetry/sdk-trace-node');
  return {
    ...found,
    batchFor: (exporter) => new found.BatchSpanProcessor(exporter),
    providerWith: (config) => new found.NodeTracerProvider(config),
  };
}

async function line3(): Promise<Sdk> {
  interface Line3 extends Pick<Sdk, 'AlwaysOnSampler' | 'ParentBasedSampler' | 'TraceIdRatioBasedSampler'> {
    BatchSpanProcessor: new (options: { exporter: SpanExporter }) => BatchSpanProcessor;
    TracerProvider: new (config: TracerConfig) => BasicTracerProvider;
  }
  // Installed where the bench puts this program, not here.
  const name: string = '@opentelemetry/sdk-trace';
  const found: Line3 = await import(name);
  return {
    ...found,
    batchFor: (exporter) => new found.BatchSpanProcessor({ exporter }),
    providerWith: (config) => new found.TracerProvider(config),
  };
}

/** As `NodeTracerProvider.register()` does in line 2. */
export function registerGlobally(provider: BasicTracerProvider): void {
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
  propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
}
