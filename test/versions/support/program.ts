/**
 * The program of every combination: a handler that gives up a call of gRPC, lets the deadline of another pass, and aborts a
 * fetch() and a request of undici; and one whose client leaves. It tells the client what its own code was told.
 */
import assert from 'node:assert/strict';
import type { ExportedSpan } from '../../../src/spans/span.ts';
import type { Observation } from '../../setups/support/observe.ts';
import type { ModuleType } from '../../setups/support/shop.ts';
import { leave, stay } from '../../setups/support/visitors.ts';

const imports: Record<ModuleType, string> = {
  module: `import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { request } from 'undici';
`,
  commonjs: `const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const grpc = require('@grpc/grpc-js');
const { request } = require('undici');
`,
};
const body = `
const bytes = (value) => value;
const service = {
  Reserve: {
    path: '/shop.Stock/Reserve', requestStream: false, responseStream: false,
    requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
  },
};
const Stock = grpc.makeGenericClientConstructor(service, 'Stock');
const stock = new grpc.Server();
const silent = net.createServer((socket) => {
  socket.on('error', () => {}).once('data', () => silent.emit('asked'));
});
let sawReserve;

async function order(client, silentUrl) {
  const told = {};
  const answer = (key, done) => (error) => { told[key] = error.code; done(); };
  await new Promise((done) => {
    const call = client.Reserve(Buffer.from('sofa'), answer('cancel', done));
    sawReserve = () => cancelCall(call);
  });
  sawReserve = () => {};
  await new Promise((done) => limitCall(client, answer('deadline', done)));
  told.fetch = await aborted((options) => fetch(silentUrl + '/fetch', options), abortFetch);
  told.request = await aborted((options) => request(silentUrl + '/request', options), abortRequest);
  return told;
}

function cancelCall(call) { call.cancel(); }

function limitCall(client, callback) {
  client.Reserve(Buffer.from('chair'), new grpc.Metadata(), { deadline: Date.now() + 500 }, callback);
}

async function aborted(ask, abort) {
  const controller = new AbortController();
  const asked = once(silent, 'asked');
  const answer = ask({ signal: controller.signal }).catch((error) => error.message);
  await asked;
  abort(controller);
  return await answer;
}

function abortFetch(controller) { controller.abort(new Error('no fetch')); }

function abortRequest(controller) { controller.abort(new Error('no request')); }

async function main() {
  stock.addService(service, { Reserve: () => sawReserve() });
  const insecure = grpc.ServerCredentials.createInsecure();
  const port = await new Promise((done) => stock.bindAsync('127.0.0.1:0', insecure, (_, port) => done(port)));
  if (/^1\\.9\\./.test(process.env.GRPC_VERSION)) stock.start();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const client = new Stock('127.0.0.1:' + port, grpc.credentials.createInsecure());
  http.createServer(async (request, response) => {
    if (request.url === '/wait') return; // Never answered.
    response.end(JSON.stringify(await order(client, 'http://127.0.0.1:' + silent.address().port)));
  }).listen(Number(process.env.PORT), '127.0.0.1');
}
main();
`;

export function program(type: ModuleType): string {
  return imports[type] + body;
}

export class Visit {
  #told: Record<string, unknown> = {};

  readonly go = async (url: string): Promise<void> => {
    await leave(`${url}/wait`);
    this.#told = JSON.parse(await stay(`${url}/order`));
  };

  readonly isOver = (spans: readonly ExportedSpan[]): boolean => spans.length >= EXPECTED.length;

  /** @param file of the program */
  check({ spans, stderr, end }: Observation, file: string): void {
    const { request, ...told } = this.#told;
    assert.deepEqual(told, { cancel: 1, deadline: 4, fetch: 'no fetch' });
    // The first undici 6 has an error of its own in the place of the reason.
    assert.match(String(request), /^(no request|Request aborted)$/);
    assert.deepEqual(spans.map((span) => essenceOf(span, file)).sort(), EXPECTED);
    assertOneTrace(spans);
    assert.equal(withoutNodesWord(stderr), '', 'what it wrote to stderr');
    assert.equal(end, 'SIGTERM', 'how it ended');
  }
}

/** Node 22 says so of the SQLite that the first undici 7 loads. */
function withoutNodesWord(stderr: string): string {
  return stderr.replace(
    /^\(node:\d+\) ExperimentalWarning: SQLite .*\n\(Use `node --trace-warnings .*\n/m,
    '',
  );
}

const EXPECTED = [
  'client gRPC canceled local cancel in cancelCall',
  'client gRPC deadline local deadline in limitCall',
  'client HTTP canceled local abort in abortFetch',
  'client HTTP canceled local abort in abortRequest',
  'server HTTP /order',
  'server HTTP /wait canceled peer disconnect',
  'server gRPC canceled peer reset',
  'server gRPC deadline',
].sort();

function essenceOf({ kind, attributes }: ExportedSpan, file: string): string {
  const {
    'url.path': path,
    'cancel.initiator': initiator,
    'cancel.trigger': trigger,
    'cancel.origin': origin,
  } = attributes;
  const isRpc = 'rpc.method' in attributes;
  const words = [kind, isRpc ? 'gRPC' : 'HTTP'];
  if (kind === 'server' && path !== undefined) words.push(String(path));
  const isDeadline = attributes.deadline_exceeded === true;
  if (isDeadline) words.push('deadline');
  if (attributes['context.canceled'] === true) words.push('canceled');
  // Of a deadline that both sides have, the server is told by its own timer or by the client: whoever is first.
  if (isDeadline && kind === 'server') return words.join(' ');
  if (initiator !== undefined) words.push(String(initiator), String(trigger));
  const [, name] = new RegExp(`^(\\S+) \\(.*${file}:\\d+:\\d+\\)$`).exec(String(origin)) ?? [];
  if (origin !== undefined) words.push(`in ${name ?? origin}`);
  return words.join(' ');
}

/** All but the request that was left is of one trace, each call with its handler below it. */
function assertOneTrace(spans: readonly ExportedSpan[]): void {
  const order = spans.find(
    ({ kind, attributes }) => kind === 'server' && attributes['url.path'] === '/order',
  );
  const clients = spans.filter(({ kind }) => kind === 'client');
  for (const { name, parentSpanId } of clients)
    assert.equal(parentSpanId, order?.spanId, `${name} is a child of /order`);
  const handlers = spans.filter(({ kind, attributes }) => kind === 'server' && 'rpc.method' in attributes);
  const parents = new Set(handlers.map(({ parentSpanId }) => parentSpanId));
  const calls = clients.filter(({ attributes }) => 'rpc.method' in attributes);
  assert.deepEqual(parents, new Set(calls.map(({ spanId }) => spanId)), 'a handler is a child of its call');
}
