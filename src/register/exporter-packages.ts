/** What the thread that exports uses of OpenTelemetry's SDK. In dist/ it is inside of that thread's file. */
export { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
export {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
export { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
export { ConsoleMetricExporter, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
