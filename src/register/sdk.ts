/** Tracer provider and exporters of the SDK that this entry brings along. */
import { context, type ProxyTracerProvider, propagation, trace } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { CancellationSampler, CancellationSpanProcessor } from '../index.ts';
import type { Environment } from './environment.ts';
import { ExportThread } from './export-thread.ts';
import { startMetrics } from './metrics.ts';
import { propagatorOf } from './propagators.ts';
import { resourceOf } from './resource.ts';
import { samplerOf } from './sampler.ts';
import {
  AsyncLocalStorageContextManager,
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
} from './sdk-packages.ts';
import { UnsentSpans } from './unsent-spans.ts';

/** True when somebody has set a global tracer provider already. */
export function hasTracerProvider(): boolean {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  // The API hands out a proxy whose delegate is a no-op until a provider is set.
  return provider.getDelegate?.().constructor.name !== 'NoopTracerProvider';
}

/** Returns what sends all that is unsent, blocking. */
export function startSdk(environment: Environment): () => void {
  const resource = resourceOf(environment.resourceDetectors);
  const thread = new ExportThread();
  const takeMetrics = startMetrics(environment.metrics, thread, resource);
  const unsent = new UnsentSpans(thread, (exporter) => new BatchSpanProcessor(exporter));
  const spanProcessors: SpanProcessor[] = [];
  for (const name of environment.exporters) {
    if (name === 'otlp') spanProcessors.push(unsent);
    else spanProcessors.push(new SimpleSpanProcessor(new ConsoleSpanExporter()));
  }
  const provider = new BasicTracerProvider({
    resource,
    ...(environment.keepsCancelled
      ? {
          sampler: new CancellationSampler(samplerOf(environment.sampler)),
          spanProcessors: spanProcessors.map((processor) => new CancellationSpanProcessor(processor)),
        }
      : { spanProcessors }),
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const propagator = propagatorOf(environment.propagators);
  if (propagator !== undefined) propagation.setGlobalPropagator(propagator);
  return () => thread.finish(unsent.take(), takeMetrics());
}
