/** The public API. */
export type { CancellationInstrumentationConfig, StatusConfig } from './config.ts';
export { CancellationInstrumentation } from './instrumentation.ts';
export type { Host, Integration, PackageFile, Settlement, SpanDescription } from './integration.ts';
export { defaultIntegrations } from './integrations/index.ts';
