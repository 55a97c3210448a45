/**
 * The application of every set-up: two servers and their clients in one process, with spans of its own. The one
 * visitor leaves while a query is under way; for the other, it gives up an HTTP request and a gRPC call itself.
 */
import assert from 'node:assert/strict';
import type { ExportedSpan } from '../../../src/spans/span.ts';
import type { Observation } from './observe.ts';
import { leave, stay } from './visitors.ts';

export type ModuleType = 'module' | 'commonjs';

const imports: Record<ModuleType, string> = {
  module: `import http from 'node:http';
import { SpanKind, trace } from '@opentelemetry/api';
import grpc from '@grpc/grpc-js';
`,
  commonjs: `const http = require('node:http');
const { SpanKind, trace } = require('@opentelemetry/api');
const grpc = require('@grpc/grpc-js');
`,
};
const body = `
const port = Number(process.env.PORT);
const bytes = (value) => value;
const service = {
  Reserve: {
    path: '/shop.Stock/Reserve', requestStream: false, responseStream: false,
    requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
  },
};
const Stock = grpc.makeGenericClientConstructor(service, 'Stock');
let sawPrice, sawReserve;

const stock = new grpc.Server();
stock.addService(service, { Reserve: () => sawReserve() });
stock.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, stockPort) => {
  const client = new Stock('127.0.0.1:' + stockPort, grpc.credentials.createInsecure());
  const server = http.createServer(async (request, response) => {
    if (request.url === '/price') sawPrice();
    if (request.url === '/wait') query();
    if (request.url !== '/order') return; // Never answered.
    const price = new Promise((resolve) => { sawPrice = resolve; });
    const reserve = new Promise((resolve) => { sawReserve = resolve; });
    await trace.getTracer('shop').startActiveSpan('order', async (span) => {
      const asked = http.get('http://127.0.0.1:' + port + '/price').on('error', () => {});
      const call = client.Reserve(Buffer.from('sofa'), () => {});
      await Promise.all([price, reserve]);
      leavePrice(asked);
      cancelReservation(call);
      span.end();
    });
    response.end('called off');
  });
  server.listen(port, '127.0.0.1');
});

// It never comes back, so its span is not exported.
function query() {
  const options = { kind: SpanKind.CLIENT, attributes: { 'db.system.name': 'postgresql' } };
  trace.getTracer('shop').startSpan('SELECT', options);
}

function leavePrice(asked) {
  asked.destroy();
}

function cancelReservation(call) {
  call.cancel();
}
`;

export function shop(type: ModuleType): string {
  return imports[type] + body;
}

export async function visitShop(url: string): Promise<void> {
  await Promise.all([leave(`${url}/wait`), stay(`${url}/order`)]);
}

export function hasAll(spans: readonly ExportedSpan[]): boolean {
  return spans.length >= expectedSpans;
}

const expectedSpans = 7;

/** That everything was exported, marked and put into one trace, with the lines in `file` that cancelled. */
export function assertShop(observation: Observation, file: string, type: ModuleType): void {
  // `register` tells how the process ended, too: nothing was in flight any more.
  const spans = observation.spans.filter(({ name }) => name !== 'shutdown');
  const list = spans.map(({ kind, name, scopeName }) => `${kind} ${name} (${scopeName})`);
  const find = (kind: ExportedSpan['kind'], isIt: (span: ExportedSpan) => boolean): ExportedSpan => {
    const [span, ...more] = spans.filter((one) => one.kind === kind && isIt(one));
    assert.ok(span && more.length === 0, `one ${kind} span of its kind among ${list.join(', ')}`);
    return span;
  };
  const path = (value: string) => (span: ExportedSpan) => span.attributes['url.path'] === value;
  const isRpc = (span: ExportedSpan): boolean => span.name.includes('Reserve');

  const wait = find('server', path('/wait'));
  const order = find('server', path('/order'));
  const own = find('internal', ({ name }) => name === 'order');
  const priceClient = find('client', (span) => !isRpc(span));
  const priceServer = find('server', path('/price'));
  const reserveClient = find('client', isRpc);
  const reserveServer = find('server', isRpc);
  assert.equal(spans.length, expectedSpans, list.join(', '));

  assert.equal(order.attributes['context.canceled'], undefined, 'what was answered is not marked');
  for (const server of [wait, priceServer, reserveServer]) assertCanceled(server, 'peer');
  for (const client of [priceClient, reserveClient]) assertCanceled(client, 'local');
  const at = (line: string): string =>
    `${file}:${
      shop(type)
        .split('\n')
        .findIndex((one) => one.includes(line)) + 1
    }:`;
  assertOrigin(priceClient, 'leavePrice', at('asked.destroy()'));
  assertOrigin(reserveClient, 'cancelReservation', at('call.cancel()'));

  const pending = wait.events.filter(({ name }) => name === 'cancel.pending');
  assert.deepEqual(
    pending.map(({ attributes }) => attributes.name),
    ['SELECT'],
    'the query of others is seen',
  );

  for (const [child, parent] of [
    [own, order],
    [priceClient, own],
    [reserveClient, own],
    [priceServer, priceClient],
    [reserveServer, reserveClient],
  ] as const)
    assert.equal(child.parentSpanId, parent.spanId, `${child.name} is a child of ${parent.name}`);
}

function assertCanceled({ kind, name, attributes }: ExportedSpan, initiator: 'peer' | 'local'): void {
  const what = `${kind} ${name} ${JSON.stringify(attributes)}`;
  assert.equal(attributes['context.canceled'], true, what);
  assert.equal(attributes['cancel.initiator'], initiator, what);
}

function assertOrigin({ attributes }: ExportedSpan, name: string, at: string): void {
  const origin = String(attributes['cancel.origin']);
  assert.ok(origin.startsWith(name) && origin.includes(at), `${origin} is ${name} at ${at}`);
}
