/** What the thread that exports uses of OpenTelemetry's SDK: as sdk-packages.ts, a bundle in dist/. */
export { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
export { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
export { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
export { ConsoleMetricExporter, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
