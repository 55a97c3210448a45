/** Several instances in one process, of one copy of the package and of two: each operation has one span. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DiagLogLevel, diag, SpanKind } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { CancellationInstrumentation } from '../src/index.ts';
import * as ours from '../src/index.ts';
import { loadUndici } from './integrations/undici/library.ts';

const built = new URL('../dist/index.js', import.meta.url).href;
const other = (await import(built)) as typeof ours;
const { undici, agent } = loadUndici('undici7');

/** An instance, and the spans that it makes. */
class Instance {
  readonly #exporter = new InMemorySpanExporter();
  readonly instrumentation: CancellationInstrumentation;

  constructor(copy: typeof ours, config: ours.CancellationInstrumentationConfig = {}) {
    this.instrumentation = new copy.CancellationInstrumentation({ ...config, enabled: false });
    const spanProcessors = [new SimpleSpanProcessor(this.#exporter)];
    this.instrumentation.setTracerProvider(new BasicTracerProvider({ spanProcessors }));
    this.instrumentation.enable();
  }

  /** Since it was last asked: kind and whether it was cancelled. */
  spans(): string[] {
    const spans = this.#exporter.getFinishedSpans();
    this.#exporter.reset();
    return spans
      .map(({ kind, attributes }) => `${SpanKind[kind]} ${attributes['context.canceled'] ?? false}`)
      .sort();
  }
}

// For its context manager.
new NodeTracerProvider().register();
const warnings: string[] = [];
diag.setLogger(
  {
    error: (message) => warnings.push(message),
    warn: (message) => warnings.push(message),
    info() {},
    debug() {},
    verbose() {},
  },
  { logLevel: DiagLogLevel.WARN },
);

const active = new Set<http.ServerResponse>();
const server = http.createServer((request, response) => {
  active.add(response);
  response.on('close', () => active.delete(response));
  if (request.url === '/hang') response.write('first part');
  else response.end();
});
server.listen(0, '127.0.0.1').unref();
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const VISIT = ['CLIENT false', 'CLIENT false', 'CLIENT true', 'SERVER false', 'SERVER false', 'SERVER true'];

async function visit(): Promise<void> {
  await (await undici.request(origin, { dispatcher: agent })).body.dump();
  const request = http.get(origin, { agent: false }, (response) => response.resume());
  await once(request, 'close');
  const controller = new AbortController();
  const response = await fetch(`${origin}/hang`, { signal: controller.signal });
  controller.abort();
  await assert.rejects(response.text());
  do await new Promise((resolve) => setTimeout(resolve, 20));
  while (active.size > 0);
}

for (const [what, second] of [
  ['one copy of the package', ours],
  ['two copies', other],
] as const) {
  describe(`two instances, of ${what}`, () => {
    let a: Instance;
    let b: Instance;

    beforeEach(() => {
      a = new Instance(ours);
      b = new Instance(second);
    });
    afterEach(() => {
      a.instrumentation.disable();
      b.instrumentation.disable();
      warnings.length = 0;
      assert.deepEqual(
        Object.getOwnPropertySymbols(globalThis).filter(({ description }) =>
          description?.includes('cancellation'),
        ),
        [],
      );
    });

    it('the second stands back, and says so once', async () => {
      await visit();
      b.instrumentation.enable();
      assert.deepEqual([a.spans(), b.spans()], [VISIT, []]);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.match(String(warnings[0]), /instruments grpc, http, .* already: this one stands back/);
    });

    it('when the second is disabled, the first goes on as before', async () => {
      b.instrumentation.disable();
      await visit();
      assert.deepEqual([a.spans(), b.spans()], [VISIT, []]);
    });

    it('when the first is disabled, the second begins; what was in flight ends', async () => {
      const controller = new AbortController();
      const response = await fetch(`${origin}/hang`, { signal: controller.signal });
      a.instrumentation.disable();
      assert.deepEqual([a.spans(), b.spans()], [['CLIENT false', 'SERVER false'], []]);
      controller.abort();
      await assert.rejects(response.text());
      await visit();
      assert.deepEqual([a.spans(), b.spans()], [[], VISIT]);
      a.instrumentation.enable();
      await visit();
      assert.deepEqual([a.spans(), b.spans()], [[], VISIT]);
      b.instrumentation.disable();
      await visit();
      assert.deepEqual([a.spans(), b.spans()], [VISIT, []]);
    });
  });
}

describe('two instances for different libraries', () => {
  it('are both there', async () => {
    const pick = (...names: string[]) => ({
      integrations: ours.defaultIntegrations.filter(({ name }) => names.includes(name)),
    });
    const a = new Instance(ours, pick('abort', 'http'));
    const b = new Instance(ours, pick('abort', 'undici'));
    await visit();
    assert.deepEqual(
      [a.spans(), b.spans()],
      [
        ['CLIENT false', 'SERVER false', 'SERVER false', 'SERVER true'],
        ['CLIENT false', 'CLIENT true'],
      ],
    );
    assert.deepEqual(warnings, []);
    a.instrumentation.disable();
    b.instrumentation.disable();
  });
});
