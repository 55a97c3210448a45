/** The interface by which OpenTelemetry's set-ups take an instrumentation, and what they rely on. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, describe, it } from 'node:test';
import { DiagLogLevel, diag, metrics, trace } from '@opentelemetry/api';
import { type Instrumentation, registerInstrumentations } from '@opentelemetry/instrumentation';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { CancellationInstrumentation, type CancellationInstrumentationConfig } from '../src/index.ts';
import { CollectedMetrics } from './support/collected-metrics.ts';

const pristine = AbortController.prototype.abort;
const isOn = (): boolean => AbortController.prototype.abort !== pristine;
let instrumentation: CancellationInstrumentation;

const server = http.createServer((_request, response) => response.end());
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

async function visit(): Promise<void> {
  await new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, agent: false }, (response) => response.resume());
    request.on('close', resolve).on('error', reject);
  });
  // The end of the server's side may come last.
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function tracing(): { provider: BasicTracerProvider; kinds: () => number[] } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { provider, kinds: () => exporter.getFinishedSpans().map(({ kind }) => kind) };
}

describe('the instrumentation', () => {
  after(() => server.close());
  afterEach(() => {
    instrumentation.disable();
    trace.disable();
    metrics.disable();
  });

  it('has the interface of all instrumentations', () => {
    instrumentation = new CancellationInstrumentation();
    instrumentation satisfies Instrumentation<CancellationInstrumentationConfig>;
    const taken: Instrumentation = instrumentation;
    assert.equal(taken.instrumentationName, 'opentelemetry-instrumentation-cancellation');
  });

  it('is on from the start', () => {
    instrumentation = new CancellationInstrumentation();
    assert.ok(isOn());
    assert.equal(instrumentation.getConfig().enabled, true);
    instrumentation.disable();
    assert.ok(!isOn());
  });

  it('stays off when told, until registerInstrumentations() takes it', () => {
    instrumentation = new CancellationInstrumentation({ enabled: false });
    assert.ok(!isOn());
    assert.equal(instrumentation.getConfig().enabled, false);
    const unload = registerInstrumentations({ instrumentations: [instrumentation] });
    assert.ok(isOn());
    unload();
    assert.ok(!isOn());
  });

  it('shows the options that it was given, and refuses others', () => {
    const said: string[] = [];
    const keep = (message: string): number => said.push(message);
    diag.setLogger(
      { error: keep, warn: keep, info() {}, debug() {}, verbose() {} },
      { logLevel: DiagLogLevel.WARN },
    );
    instrumentation = new CancellationInstrumentation({ maxStackFrames: 7 });
    assert.deepEqual(instrumentation.getConfig(), { maxStackFrames: 7, enabled: true });
    instrumentation.setConfig({ maxStackFrames: 9 });
    assert.deepEqual(instrumentation.getConfig(), { maxStackFrames: 7, enabled: true });
    assert.deepEqual(said, [
      'opentelemetry-instrumentation-cancellation: setConfig() has no effect; options are given to the constructor',
    ]);
    diag.disable();
  });

  it('uses the global tracer provider, also one that comes later', async () => {
    instrumentation = new CancellationInstrumentation();
    const { provider, kinds } = tracing();
    trace.setGlobalTracerProvider(provider);
    await visit();
    assert.deepEqual(kinds().sort(), [1, 2]);
  });

  it('uses the tracer provider that it is given', async () => {
    const [global, own] = [tracing(), tracing()];
    trace.setGlobalTracerProvider(global.provider);
    instrumentation = new CancellationInstrumentation();
    registerInstrumentations({ instrumentations: [instrumentation], tracerProvider: own.provider });
    await visit();
    assert.deepEqual(global.kinds(), []);
    assert.deepEqual(own.kinds().sort(), [1, 2]);
  });

  for (const isGiven of [false, true]) {
    it(`uses the ${isGiven ? 'meter provider that it is given' : 'global meter provider'}`, async () => {
      const collected = new CollectedMetrics();
      if (!isGiven) metrics.setGlobalMeterProvider(collected.provider);
      instrumentation = new CancellationInstrumentation();
      if (isGiven) instrumentation.setMeterProvider(collected.provider);
      trace.setGlobalTracerProvider(tracing().provider);
      await visit();
      assert.notEqual((await collected.collect()).size, 0);
    });
  }
});
