/** Our instrumentation in a process of the workload, with exporters, and room for every span. */
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../../src/index.ts';

/**
 * @param otlpHttpUrl base URL of the receiver
 * @returns what sends all that is unsent
 */
export function startTelemetry(service: string, otlpHttpUrl: string): () => Promise<void> {
  const resource = resourceFromAttributes({ 'service.name': service });
  const spans = new OTLPTraceExporter({ url: `${otlpHttpUrl}/v1/traces` });
  const tracerProvider = new NodeTracerProvider({
    resource,
    // Often, so that the spans of a trace arrive together from all processes, as far as a sampler's wait goes.
    spanProcessors: [new BatchSpanProcessor(spans, { maxQueueSize: 100_000, scheduledDelayMillis: 500 })],
  });
  tracerProvider.register();
  const exporter = new OTLPMetricExporter({ url: `${otlpHttpUrl}/v1/metrics` });
  const meterProvider = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter })],
  });
  registerInstrumentations({ meterProvider, instrumentations: [new CancellationInstrumentation()] });
  return async () => {
    await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]);
  };
}
