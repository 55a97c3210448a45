/** That nobody can see the spans is said once, at the first operation. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { context, diag, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../src/index.ts';

let warnings: string[];
let instrumentation: CancellationInstrumentation | undefined;

beforeEach(() => {
  warnings = [];
  const keep = (message: string): number => warnings.push(message);
  diag.setLogger({ error: keep, warn: keep, info() {}, debug() {}, verbose() {} });
});
afterEach(() => {
  instrumentation?.disable();
  diag.disable();
  trace.disable();
  context.disable();
  metrics.disable();
});

/** Two requests, each seen from both sides. */
async function requestTwice(headers: Record<string, string> = {}): Promise<void> {
  const server = http.createServer((_request, response) => response.end('done')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < 2; i++) {
    const [response] = await once(http.get({ host: '127.0.0.1', port, headers, agent: false }), 'response');
    await once(response.resume(), 'end');
  }
  await once(server.close(), 'close');
}

const NO_PROVIDER =
  /^opentelemetry-instrumentation-cancellation: no tracer provider is set, so no span is recorded\. Set up an SDK/;
const NO_CONTEXT_MANAGER = /: no context manager is set, so no span has a parent\./;

describe('the class', () => {
  for (const headers of [{}, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }]) {
    it(`says once that no provider is set, with the headers ${JSON.stringify(headers)}`, async () => {
      instrumentation = new CancellationInstrumentation();
      await requestTwice(headers);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.match(String(warnings[0]), NO_PROVIDER);
    });
  }

  it('says once that no context manager is set', async () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider());
    instrumentation = new CancellationInstrumentation();
    await requestTwice();
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(String(warnings[0]), NO_CONTEXT_MANAGER);
  });

  it('says nothing before the first operation', () => {
    instrumentation = new CancellationInstrumentation();
    assert.deepEqual(warnings, []);
  });

  it('says nothing where both are set, even if nothing is sampled', async () => {
    new NodeTracerProvider({ sampler: new AlwaysOffSampler() }).register();
    instrumentation = new CancellationInstrumentation();
    await requestTwice();
    assert.deepEqual(warnings, []);
  });

  it('says nothing where a provider was given to it', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    instrumentation = new CancellationInstrumentation();
    instrumentation.setTracerProvider(new BasicTracerProvider({ sampler: new AlwaysOffSampler() }));
    await requestTwice();
    assert.deepEqual(warnings, []);
  });

  it('says nothing to who has metrics alone', async () => {
    metrics.setGlobalMeterProvider(new MeterProvider());
    instrumentation = new CancellationInstrumentation();
    await requestTwice();
    assert.deepEqual(warnings, []);
  });
});
