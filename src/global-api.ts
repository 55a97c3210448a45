/** What all copies of `@opentelemetry/api` in a process share, whatever their versions; and who makes the spans. */
import { type ProxyTracerProvider, type TracerProvider, trace } from '@opentelemetry/api';

/** Under this name every copy registers what is set, in one object. */
export const kGlobalApi: unique symbol = Symbol.for('opentelemetry.js.api.1');

export interface GlobalApi {
  /** Of the copy that was the first to set something. */
  readonly version?: string;
  trace?: unknown;
  context?: unknown;
  propagation?: unknown;
  metrics?: unknown;
  diag?: unknown;
}

export type GlobalWithApi = typeof globalThis & { [kGlobalApi]?: GlobalApi };

/** Undefined until somebody sets something. */
export function globalApi(): GlobalApi | undefined {
  return (globalThis as GlobalWithApi)[kGlobalApi];
}

/** What to do where copies of different versions refuse each other. */
export const ONE_VERSION = 'Install one version of it: npm ls @opentelemetry/api shows them.';

/** The provider behind the API's proxy: one that does nothing until somebody sets one. */
export function currentProvider(): TracerProvider {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider> & TracerProvider;
  return provider.getDelegate?.() ?? provider;
}

/** Its class. */
export function providerName(): string {
  // A bundler may have numbered it.
  return currentProvider().constructor.name.replace(/\$\d+$/, '');
}

/** Undefined until somebody sets one. */
export function globalProvider(): TracerProvider | undefined {
  const provider = currentProvider();
  return provider.constructor.name === 'NoopTracerProvider' ? undefined : provider;
}
