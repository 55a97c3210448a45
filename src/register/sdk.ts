/** Tracer provider and exporters from the SDK packages, which only this entry needs. */
import { createRequire } from 'node:module';
import { type ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { DetectorName, Environment } from './environment.ts';
import { UnsentSpans } from './unsent-spans.ts';

/** True when somebody has set a global tracer provider already. */
export function hasTracerProvider(): boolean {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  // The API hands out a proxy whose delegate is a no-op until a provider is set.
  return provider.getDelegate?.().constructor.name !== 'NoopTracerProvider';
}

/** Undefined when a package is missing: that has been said then. */
export function startSdk(environment: Environment, warn: (message: string) => void): UnsentSpans | undefined {
  const packages = loadPackages(warn);
  if (packages === undefined) return undefined;
  const { sdk, otlp, resources } = packages;
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

  const unsent = new UnsentSpans();
  const spanProcessors: SpanProcessor[] = [];
  for (const name of environment.exporters) {
    if (name === 'console') {
      spanProcessors.push(new sdk.SimpleSpanProcessor(new sdk.ConsoleSpanExporter()));
      continue;
    }
    const exporter: SpanExporter = new otlp.OTLPTraceExporter();
    spanProcessors.push(unsent, new sdk.BatchSpanProcessor(unsent.watch(exporter)));
  }
  const provider = new sdk.NodeTracerProvider({
    resource: resources.defaultResource().merge(detected),
    spanProcessors,
  });
  provider.register();
  return unsent;
}

interface Packages {
  readonly sdk: typeof import('@opentelemetry/sdk-trace-node');
  readonly otlp: typeof import('@opentelemetry/exporter-trace-otlp-http');
  readonly resources: typeof import('@opentelemetry/resources');
}

/** By require(), because a module that awaits at its top level could not be loaded by --require. */
function loadPackages(warn: (message: string) => void): Packages | undefined {
  const require = createRequire(import.meta.url);
  const missing: string[] = [];
  const load = (name: string): unknown => {
    try {
      return require(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
      missing.push(name);
      return undefined;
    }
  };
  const packages = {
    sdk: load('@opentelemetry/sdk-trace-node'),
    otlp: load('@opentelemetry/exporter-trace-otlp-http'),
    resources: load('@opentelemetry/resources'),
  };
  if (missing.length === 0) return packages as Packages;
  warn(`not started, a package is missing; install it with: npm install ${missing.join(' ')}`);
  return undefined;
}
