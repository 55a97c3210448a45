/**
 * A real SDK with our instrumentation, alone or beside the official ones, that keeps account of every
 * span: started, ended, ended twice; and of every warning of the SDK. One for each process.
 */
import { createRequire } from 'node:module';
import { type Context, DiagLogLevel, diag, type MeterProvider, ROOT_CONTEXT } from '@opentelemetry/api';
import { type Instrumentation, registerInstrumentations } from '@opentelemetry/instrumentation';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import type { ReadableSpan, Sampler, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation, type CancellationInstrumentationConfig } from '../../src/index.ts';

/**
 * Whether the official instrumentations are there, and whether they were registered before ours. In `official alone` ours is
 * not: it tells what the others must not lose.
 */
export type Setup = 'alone' | 'official first' | 'official last' | 'official alone';

export interface Providers {
  /** @default everything is sampled */
  readonly sampler?: Sampler;
  /** @default none: nobody collects metrics */
  readonly meterProvider?: MeterProvider;
}

/** The official instrumentation patches what require() gets. A file that imports it sees it from then on. */
function loadPatched(): void {
  const require = createRequire(import.meta.url);
  for (const name of ['node:http', 'node:https']) require(name);
}

export class Telemetry implements SpanProcessor {
  readonly setup: Setup;
  readonly instrumentation: CancellationInstrumentation;
  readonly ended: ReadableSpan[] = [];
  readonly open = new Set<Span>();
  readonly endedTwice: string[] = [];
  /** Warnings and errors of the SDK and of instrumentations. */
  readonly diagnostics: string[] = [];

  readonly #contexts = new WeakMap<ReadableSpan, Context>();

  constructor(setup: Setup, config?: CancellationInstrumentationConfig, providers: Providers = {}) {
    this.setup = setup;
    const keep = (message: string, ...args: unknown[]): void => {
      this.diagnostics.push([message, ...args.map(String)].join(' '));
    };
    diag.setLogger(
      { error: keep, warn: keep, info: () => {}, debug: () => {}, verbose: () => {} },
      { logLevel: DiagLogLevel.WARN },
    );
    const { sampler, meterProvider } = providers;
    new NodeTracerProvider({ spanProcessors: [this], ...(sampler && { sampler }) }).register();
    this.instrumentation = new CancellationInstrumentation({ ...config, enabled: false });
    const official = (): Instrumentation[] => [
      new HttpInstrumentation(),
      new GrpcInstrumentation(),
      new UndiciInstrumentation(),
    ];
    if (setup === 'official alone') {
      registerInstrumentations({ instrumentations: official() });
      loadPatched();
      return;
    }
    const first = setup === 'official first' ? official() : [];
    this.instrumentation.enable();
    const last = setup === 'official last' ? official() : [];
    registerInstrumentations({
      instrumentations: [...first, this.instrumentation, ...last],
      ...(meterProvider && { meterProvider }),
    });
    if (setup !== 'alone') loadPatched();
  }

  onStart(span: Span, parent: Context): void {
    this.open.add(span);
    this.#contexts.set(span as unknown as ReadableSpan, parent);
  }

  /** What the span was started in. */
  contextOf(span: ReadableSpan): Context {
    return this.#contexts.get(span) ?? ROOT_CONTEXT;
  }

  onEnd(span: ReadableSpan): void {
    if (!this.open.delete(span as Span)) this.endedTwice.push(span.name);
    this.ended.push(span);
  }

  /** Waits until no span is open; fails, naming those that are, after `limitMs`. */
  async allEnded(limitMs = 5_000): Promise<void> {
    const start = performance.now();
    do {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (performance.now() - start > limitMs) {
        throw new Error(`spans left open: ${[...this.open].map((span) => span.name).join(', ')}`);
      }
    } while (this.open.size > 0);
  }

  /** Forgets all that was seen so far. */
  reset(): void {
    this.ended.length = 0;
    this.open.clear();
    this.endedTwice.length = 0;
    this.diagnostics.length = 0;
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
