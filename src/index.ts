/** The public API. */
export type { CancellationInstrumentationConfig, Redact, StatusConfig } from './config.ts';
export { currentDeadline, currentSignal, remainingMs, withDeadline } from './deadline/current.ts';
export { detached } from './deadline/detached.ts';
export { expressDeadline, fastifyDeadline, httpDeadline, koaDeadline } from './deadline/middleware.ts';
export type { Refusal, RequestDeadlineOptions } from './deadline/request-limit.ts';
export type { Installation } from './hook/installation.ts';
export { perInstallation } from './hook/installation.ts';
export { after, before, during } from './hook/observe.ts';
export type { Undo } from './hook/replace.ts';
export type { EndWithProcess, Host } from './host.ts';
export { CancellationInstrumentation } from './instrumentation.ts';
export type { Integration, PackageFile, SystemDescription } from './integration.ts';
export { defaultIntegrations } from './integrations/index.ts';
export type { StackTop } from './operation/captured-stack.ts';
export type { Settlement, SpanDescription } from './operation/description.ts';
export type { Evidence, ProcessEnd } from './operation/evidence.ts';
export type { Deadline, Operation } from './operation/operation.ts';
export { CancellationSampler, CancellationSpanProcessor } from './telemetry/sampling.ts';
