import { createRequire } from 'node:module';
import { type Instrumentation, registerInstrumentations } from '@opentelemetry/instrumentation';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import type {
  ReadableSpan,
  Sampler,
  SpanExporter,
  SpanProcessor,
  TracerConfig,
} from '@opentelemetry/sdk-trace-node';
import type { SpanSample } from '../messages.ts';
import { isHeadSampled, type Role, type SetUp } from '../plan.ts';
import { registerGlobally, sdk } from './sdk.ts';

const require = createRequire(import.meta.url);

/** What a process with telemetry has running, whatever makes its spans. */
export interface Telemetry {
  exported(): number;
  sample(): SpanSample | undefined;
  flush(): Promise<void>;
  /** What has to be around the operations of a client. */
  around?(run: () => Promise<void>): Promise<void>;
}

/** Counts spans and drops them: the network's cost would be the same for every set-up, and noisy. */
class DroppingExporter implements SpanExporter {
  exported = 0;
  last: ReadableSpan | undefined;

  export(spans: ReadableSpan[], done: (result: { code: number }) => void): void {
    this.exported += spans.length;
    this.last = spans.at(-1);
    done({ code: 0 });
  }

  async shutdown(): Promise<void> {}
}

export async function startTelemetry(setUp: SetUp, role: Role): Promise<Telemetry | undefined> {
  if (setUp === 'bare') return undefined;
  const exporter = new DroppingExporter();
  const provider = sdk.providerWith(await samplingOf(setUp, sdk.batchFor(exporter)));
  registerGlobally(provider);
  registerInstrumentations({
    tracerProvider: provider,
    ...(setUp === 'measured' && { meterProvider: startMetrics() }),
    instrumentations: await instrumentationsOf(setUp),
  });
  return {
    exported: () => exporter.exported,
    sample: () => exporter.last && sampleOf(exporter.last, role),
    flush: () => provider.forceFlush(),
  };
}

/** The tracer's sampler, and the processor that goes with it. */
async function samplingOf(setUp: SetUp, batch: SpanProcessor): Promise<TracerConfig> {
  if (!isHeadSampled(setUp)) return { sampler: new sdk.AlwaysOnSampler(), spanProcessors: [batch] };
  const sampler = new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(0.01) });
  if (setUp !== 'kept') return { sampler, spanProcessors: [batch] };
  const { CancellationSampler, CancellationSpanProcessor } = await ours();
  return {
    sampler: new CancellationSampler(sampler),
    spanProcessors: [new CancellationSpanProcessor(batch)],
  };
}

/** Collected far more often than usual, once a minute, so that every round pays its share. */
function startMetrics(): MeterProvider {
  const exporter: PushMetricExporter = {
    export: (_metrics, done) => done({ code: 0 }),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 1_000,
    exportTimeoutMillis: 1_000,
  });
  return new MeterProvider({ readers: [reader] });
}

/** Loads only what the set-up uses, so that no other one leaves a trace in its process. */
async function instrumentationsOf(setUp: SetUp): Promise<Instrumentation[]> {
  switch (setUp) {
    case 'bare':
    case 'floor':
    case 'floor-sampled':
    case 'dd-trace':
    case 'sentry':
      return [];
    case 'official':
    case 'sampled':
      return officialInstrumentations();
    case 'ours':
    case 'measured':
    case 'kept':
      return [await ourInstrumentation()];
    case 'tracked':
      return [await ourInstrumentation({ trackAsync: true })];
    case 'beside':
      return [...officialInstrumentations(), await ourInstrumentation()];
  }
}

function officialInstrumentations(): Instrumentation[] {
  const { GrpcInstrumentation } =
    require('@opentelemetry/instrumentation-grpc') as typeof import('@opentelemetry/instrumentation-grpc');
  const { HttpInstrumentation } =
    require('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } =
    require('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  return [new GrpcInstrumentation(), new HttpInstrumentation(), new UndiciInstrumentation()];
}

/** Built code, as users get it. The parent has checked that it is there. */
async function ourInstrumentation(config?: { trackAsync: boolean }): Promise<Instrumentation> {
  const { CancellationInstrumentation } = await ours();
  return new CancellationInstrumentation(config);
}

interface Ours {
  CancellationInstrumentation: new (config?: { trackAsync: boolean }) => Instrumentation;
  CancellationSampler: new (sampler: Sampler) => Sampler;
  CancellationSpanProcessor: new (next: SpanProcessor) => SpanProcessor;
}

function ours(): Promise<Ours> {
  return import(process.env.BENCH_PACKAGE ?? '');
}

function sampleOf(span: ReadableSpan, role: Role): SpanSample {
  return {
    role,
    name: span.name,
    attributes: { ...span.attributes },
    events: span.events.map((event) => event.name),
  };
}
