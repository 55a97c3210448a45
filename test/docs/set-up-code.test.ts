/** The code for sampling, metrics and routes in docs/after-the-cancel.md and docs/telemetry.md does what is said of it, as it stands there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { context, metrics, trace } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import * as api from '../../src/index.ts';
import { startReceiver } from '../support/otlp-receiver.ts';
import { readPage } from './pages.ts';

const instrumentation = new api.CancellationInstrumentation();
const receiver = await startReceiver();
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
const server = http.createServer((request, response) => {
  if (request.url !== '/slow') response.end('well');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

after(async () => {
  instrumentation.disable();
  trace.disable();
  metrics.disable();
  server.close().closeAllConnections();
  await receiver.close();
});

/** The first block of code in which `word` stands, with what it uses. @returns what `result` is then */
function run(page: string, word: string, around: Record<string, unknown>, result: string): unknown {
  const blocks = [...readPage(page).matchAll(/^```js\n(.*?)^```/gms)].map(([, block = '']) => block);
  const code = blocks.find((block) => block.includes(word))?.replaceAll(/^import .*$/gm, '');
  assert.ok(code !== undefined, `no example with ${word}`);
  return new Function(...Object.keys(around), `${code}\nreturn ${result};`)(...Object.values(around));
}

async function leave(): Promise<void> {
  const leaving = new AbortController();
  const atServer = once(server, 'request');
  const asked = fetch(`${url}/slow`, { signal: leaving.signal });
  const [, response] = await atServer;
  leaving.abort();
  await assert.rejects(asked, { name: 'AbortError' });
  await once(response, 'close');
}

it('of a hundred traces one is sampled, and every one that was cancelled is kept', async () => {
  const ratios: number[] = [];
  let provider: NodeTracerProvider | undefined;
  run(
    'docs/after-the-cancel.md',
    'new CancellationSampler',
    {
      ...api,
      BatchSpanProcessor,
      OTLPTraceExporter,
      // The hundredth trace may come at any time.
      TraceIdRatioBasedSampler: class extends TraceIdRatioBasedSampler {
        constructor(ratio: number) {
          super(0);
          ratios.push(ratio);
        }
      },
      NodeTracerProvider: class extends NodeTracerProvider {
        constructor(...options: ConstructorParameters<typeof NodeTracerProvider>) {
          super(...options);
          provider = this;
        }
      },
    },
    'undefined',
  );
  assert.deepEqual(ratios, [0.01]);
  provider?.register();
  instrumentation.setTracerProvider(trace.getTracerProvider());
  await (await fetch(url)).text();
  await leave();
  await provider?.shutdown();
  trace.disable();
  assert.deepEqual(
    receiver.spans.map(({ kind, attributes }) => [kind, attributes['context.canceled']]).sort(),
    [
      ['client', true],
      ['server', true],
    ].sort(),
  );
});

it('metrics go to the receiver', async () => {
  const exported: string[] = [];
  const collector = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    exported.push(`${request.url} ${body}`);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  instrumentation.disable();
  let made: api.CancellationInstrumentation | undefined;
  const Instrumentation = class extends api.CancellationInstrumentation {
    constructor() {
      super();
      made = this;
    }
  };
  const names = {
    CancellationInstrumentation: Instrumentation,
    OTLPMetricExporter,
    MeterProvider,
    PeriodicExportingMetricReader,
  };
  const provider = run('docs/telemetry.md', 'setMeterProvider', names, 'meterProvider') as MeterProvider;
  await leave();
  await provider.shutdown();
  made?.disable();
  instrumentation.enable();
  collector.close().closeAllConnections();
  assert.match(String(exported), /^\/v1\/metrics .*"cancellation\.operations"/s);
});

it('a route that is told in RPC metadata names the span', async () => {
  const names: string[] = [];
  const processor = { onStart() {}, onEnd: ({ name }: { name: string }) => names.push(name) };
  const provider = new NodeTracerProvider({
    spanProcessors: [{ ...processor, forceFlush: async () => {}, shutdown: async () => {} }],
  });
  provider.register();
  instrumentation.setTracerProvider(provider);
  const require = createRequire(import.meta.url);
  const Koa = require('koa') as new () => { use(fn: unknown): void; callback(): http.RequestListener };
  const { Router } = require('@koa/router') as {
    Router: new () => { use(fn: unknown): void; get(path: string, fn: unknown): void; routes(): unknown };
  };
  const router = new Router();
  run('docs/telemetry.md', 'router.use', { router, context, getRPCMetadata }, 'undefined');
  router.get('/orders/:id', (ctx: { body: string }) => {
    ctx.body = 'an order';
  });
  const app = new Koa();
  app.use(router.routes());
  const shop = http.createServer(app.callback()).listen(0, '127.0.0.1');
  await once(shop, 'listening');
  const text = await (
    await fetch(`http://127.0.0.1:${(shop.address() as AddressInfo).port}/orders/7`)
  ).text();
  shop.close().closeAllConnections();
  await provider.shutdown();
  assert.equal(text, 'an order');
  assert.ok(names.includes('GET /orders/:id'), String(names));
});
