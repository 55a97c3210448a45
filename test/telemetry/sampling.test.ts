import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  InMemorySpanExporter,
  ParentBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import {
  CancellationInstrumentation,
  CancellationSampler,
  CancellationSpanProcessor,
} from '../../src/index.ts';

// Nothing is sampled at the head: what arrives arrives because it was cancelled.
const exporter = new InMemorySpanExporter();
const batch = new BatchSpanProcessor(exporter);
const provider = new NodeTracerProvider({
  sampler: new CancellationSampler(new ParentBasedSampler({ root: new AlwaysOffSampler() })),
  spanProcessors: [new CancellationSpanProcessor(batch)],
});
provider.register();
registerInstrumentations({ instrumentations: [new CancellationInstrumentation()] });

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(handler: http.RequestListener): Promise<number> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

it('with nothing sampled, a cancelled operation is exported with its owner and the work after it, and nothing else', async () => {
  const slow = await serve((_request, response) => void setTimeout(() => response.end('slow'), 200));
  const gateway = await serve(async (_request, response) => {
    const request = http.get({ port: slow, host: '127.0.0.1' }).on('error', () => response.end('gone'));
    setTimeout(() => request.destroy(), 30);
  });
  const [answer] = await once(http.get({ port: gateway, host: '127.0.0.1' }), 'response');
  answer.resume();
  await once(answer, 'end');
  await delay(400);
  for (let count = 0; count < 20; count++) {
    const [healthy] = await once(http.get({ port: slow, host: '127.0.0.1' }), 'response');
    healthy.resume();
    await once(healthy, 'end');
  }
  await provider.forceFlush();
  const spans = exporter.getFinishedSpans();
  assert.deepEqual(
    spans.map((span) => [SpanKind[span.kind], span.attributes['cancel.initiator'] ?? span.name]).sort(),
    [
      ['CLIENT', 'local'], // the gateway's request
      ['INTERNAL', 'work after cancel'], // of the slow server
      ['SERVER', 'GET'], // the gateway, which owns that request and was not cancelled itself
      ['SERVER', 'peer'], // the slow server
    ],
  );
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);
});

it('a query that ran on is exported with what it was for, and one that was over is not', async () => {
  exporter.reset();
  const tracer = trace.getTracer('a-database');
  const query = async (name: string, ms: number): Promise<void> => {
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes: { 'db.system': 'redis' } });
    await delay(ms);
    span.end();
  };
  const port = await serve(async (_request, response) => {
    await query('over', 1);
    await query('ran on', 200);
    response.end();
  });
  const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
  setTimeout(() => request.destroy(), 50);
  await delay(400);
  await provider.forceFlush();
  const names = exporter.getFinishedSpans().map(({ name, kind }) => `${SpanKind[kind]} ${name}`);
  assert.deepEqual(names.sort(), ['CLIENT GET', 'CLIENT ran on', 'INTERNAL work after cancel', 'SERVER GET']);
});
