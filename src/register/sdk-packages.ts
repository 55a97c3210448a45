/**
 * What the main thread uses of OpenTelemetry's SDK. In dist/ this file is a bundle that has the packages inside
 * (tools/bundle-sdk.ts), so `register` works with whatever SDK the application has, or none.
 */
export { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
export { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
export {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
export {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  ConsoleSpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
