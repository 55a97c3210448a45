/** The public API. */
export type { CancellationInstrumentationConfig, StatusConfig } from './config.ts';
export { currentDeadline, currentSignal, remainingMs, withDeadline } from './deadline/current.ts';
export { expressDeadline, fastifyDeadline, httpDeadline, koaDeadline } from './deadline/middleware.ts';
export type { Refusal, RequestDeadlineOptions } from './deadline/request-limit.ts';
export { CancellationInstrumentation } from './instrumentation.ts';
export type { Host, Integration, PackageFile, Settlement, SpanDescription } from './integration.ts';
export { defaultIntegrations } from './integrations/index.ts';
export { CancellationSampler, CancellationSpanProcessor } from './telemetry/sampling.ts';
