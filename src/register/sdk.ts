/** Tracer provider and exporters of the SDK that this entry brings along. */
import { context, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ONE_VERSION } from '../global-api.ts';
import { CancellationSampler, CancellationSpanProcessor } from '../index.ts';
import type { Environment } from './environment.ts';
import { ExportThread } from './export-thread.ts';
import type { GlobalName } from './give-way.ts';
import { startMetrics } from './metrics.ts';
import { propagatorOf } from './propagators.ts';
import { YieldingTracerProvider } from './provider.ts';
import { resourceOf } from './resource.ts';
import { samplerOf } from './sampler.ts';
import { AsyncLocalStorageContextManager, ConsoleSpanExporter, SimpleSpanProcessor } from './sdk-packages.ts';
import { UnsentSpans } from './unsent-spans.ts';
import type { Warn } from './variables.ts';

/** Nothing else keeps a provider from being set where none is seen. */
const OTHER_API = `no spans: an SDK that was set up before has another version of @opentelemetry/api. ${ONE_VERSION}`;

export interface StartedSdk {
  /** The process is ending: from now on nothing is dropped for being too much. */
  expectEnd(): void;
  /** Sends all that is unsent, blocking. */
  sendNow(): void;
  /** What it has set of the API's globals. */
  readonly globals: readonly GlobalName[];
  /** Makes no more spans. */
  giveWay(): void;
  hasGivenWay(): boolean;
  /** Whoever has asked it for a tracer. */
  tracerNames(): Iterable<string>;
}

export function startSdk(environment: Environment, warn: Warn): StartedSdk {
  const resource = resourceOf(environment.resourceDetectors);
  const { endpoints, logLevel, batches } = environment;
  const isQuiet = logLevel === DiagLogLevel.NONE;
  const thread = new ExportThread({ endpoints, isQuiet }, batches.maxUnsent, warn);
  const unsent = new UnsentSpans(thread, batches);
  const spanProcessors: SpanProcessor[] = [];
  for (const name of environment.exporters) {
    if (name === 'otlp') spanProcessors.push(unsent);
    else spanProcessors.push(new SimpleSpanProcessor(new ConsoleSpanExporter()));
  }
  const provider = new YieldingTracerProvider({
    resource,
    ...(environment.keepsCancelled
      ? {
          sampler: new CancellationSampler(samplerOf(environment.sampler)),
          spanProcessors: spanProcessors.map((processor) => new CancellationSpanProcessor(processor)),
        }
      : { spanProcessors }),
  });
  const takeMetrics = startMetrics(environment.metrics, thread, resource);
  const globals: GlobalName[] = takeMetrics === undefined ? [] : ['metrics'];
  if (trace.setGlobalTracerProvider(provider)) globals.push('trace');
  else warn(OTHER_API);
  if (context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
    globals.push('context');
  const propagator = propagatorOf(environment.propagators);
  if (propagator !== undefined && propagation.setGlobalPropagator(propagator)) globals.push('propagation');
  return {
    expectEnd: () => {
      thread.expectEnd();
      unsent.expectEnd();
    },
    sendNow: () => thread.finish(unsent.take(), takeMetrics?.()),
    globals,
    giveWay: () => provider.giveWay(),
    hasGivenWay: () => provider.isReplaced,
    tracerNames: () => provider.tracerNames,
  };
}
