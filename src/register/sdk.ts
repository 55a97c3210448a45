/** Tracer provider and exporters from the SDK packages, which only this entry needs. */
import { createRequire } from 'node:module';
import { type ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { CancellationSampler, CancellationSpanProcessor } from '../index.ts';
import type { DetectorName, Environment } from './environment.ts';
import { ExportThread } from './export-thread.ts';
import { startMetrics } from './metrics.ts';
import { propagatorOf } from './propagators.ts';
import { samplerOf } from './sampler.ts';
import { UnsentSpans } from './unsent-spans.ts';

/** True when somebody has set a global tracer provider already. */
export function hasTracerProvider(): boolean {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  // The API hands out a proxy whose delegate is a no-op until a provider is set.
  return provider.getDelegate?.().constructor.name !== 'NoopTracerProvider';
}

/** Returns what sends all that is unsent, blocking; undefined when a package is missing: that has been said then. */
export function startSdk(
  environment: Environment,
  warn: (message: string) => void,
): (() => void) | undefined {
  const packages = loadPackages(warn);
  if (packages === undefined) return undefined;
  const { sdk, resources } = packages;
  const detectors = {
    env: resources.envDetector,
    host: resources.hostDetector,
    os: resources.osDetector,
    process: resources.processDetector,
    serviceinstance: resources.serviceInstanceIdDetector,
  } satisfies Record<DetectorName, unknown>;
  const detected = resources.detectResources({
    detectors: environment.resourceDetectors.map((name) => detectors[name]),
  });

  const resource = resources.defaultResource().merge(detected);
  const thread = new ExportThread();
  const takeMetrics = startMetrics(environment.metrics, thread, resource, warn);
  const unsent = new UnsentSpans(thread, (exporter) => new sdk.BatchSpanProcessor(exporter));
  const spanProcessors: SpanProcessor[] = [];
  for (const name of environment.exporters) {
    if (name === 'otlp') spanProcessors.push(unsent);
    else spanProcessors.push(new sdk.SimpleSpanProcessor(new sdk.ConsoleSpanExporter()));
  }
  const provider = new sdk.NodeTracerProvider({
    resource,
    ...(environment.keepsCancelled
      ? {
          sampler: new CancellationSampler(samplerOf(environment.sampler, sdk)),
          spanProcessors: spanProcessors.map((processor) => new CancellationSpanProcessor(processor)),
        }
      : { spanProcessors }),
  });
  provider.register(propagatorOf(environment.propagators));
  return () => thread.finish(unsent.take(), takeMetrics());
}

interface Packages {
  readonly sdk: typeof import('@opentelemetry/sdk-trace-node');
  readonly resources: typeof import('@opentelemetry/resources');
}

/** By require(), because a module that awaits at its top level could not be loaded by --require. */
function loadPackages(warn: (message: string) => void): Packages | undefined {
  const require = createRequire(import.meta.url);
  const missing: string[] = [];
  const load = (name: string, find: (name: string) => unknown = require): unknown => {
    try {
      return find(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
      missing.push(name);
      return undefined;
    }
  };
  const sdk = load('@opentelemetry/sdk-trace-node');
  // Only the thread that exports loads it.
  load('@opentelemetry/exporter-trace-otlp-http', require.resolve);
  const resources = load('@opentelemetry/resources');
  if (missing.length === 0) return { sdk, resources } as Packages;
  warn(`not started, a package is missing; install it with: npm install ${missing.join(' ')}`);
  return undefined;
}
