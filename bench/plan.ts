/** What is compared. `bare` comes first: every other set-up is reported as what it adds to it. */
export const setUps = [
  'bare',
  'floor',
  'official',
  'ours',
  'beside',
  'tracked',
  'measured',
  'floor-sampled',
  'sampled',
  'kept',
  'dd-trace',
  'sentry',
] as const;
export type SetUp = (typeof setUps)[number];

/** The others are for who thinks of switching something on: they would only make every other run longer. */
export const usualSetUps: readonly SetUp[] = ['bare', 'floor', 'official', 'ours', 'beside'];

export const workloads = [
  'grpc',
  'grpc-deadline',
  'grpc-cancelled',
  'http',
  'http-signal',
  'http-shared-signal',
  'http-cancelled',
  'fetch',
  'fetch-signal',
] as const;
export type Workload = (typeof workloads)[number];

export const describedWorkloads: Record<Workload, string> = {
  grpc: 'gRPC unary',
  'grpc-deadline': 'gRPC unary with a deadline that is not reached',
  'grpc-cancelled': 'gRPC unary, cancel() as soon as the server has the call',
  http: 'HTTP GET, keep-alive, small JSON',
  'http-signal': 'HTTP GET, a fresh AbortSignal per request',
  'http-shared-signal': 'HTTP GET, one AbortSignal for all requests',
  'http-cancelled': 'HTTP GET, abort() at the first byte of the body',
  fetch: 'fetch(), keep-alive, small JSON',
  'fetch-signal': 'fetch(), a fresh AbortSignal per request',
};

/** A cancelled operation may lose its span in a set-up: that is a finding there, not a broken bench. */
export function isCancelled(workload: Workload): boolean {
  return workload.endsWith('-cancelled');
}

/** Of a hundred operations one is sampled, so most make no span that is exported. */
export function isHeadSampled(setUp: SetUp): boolean {
  return setUp === 'floor-sampled' || setUp === 'sampled' || setUp === 'kept';
}

/** The application makes its spans, nothing else does. */
export function isByHand(setUp: SetUp): boolean {
  return setUp === 'floor' || setUp === 'floor-sampled';
}

/** Nothing of OpenTelemetry makes the spans. */
export function isVendor(setUp: SetUp): boolean {
  return setUp === 'dd-trace' || setUp === 'sentry';
}

/** Lines of OpenTelemetry's SDK. */
export const sdkLines = ['2', '3'] as const;
export type SdkLine = (typeof sdkLines)[number];

export type Role = 'server' | 'client';
