import assert from 'node:assert/strict';
import { after, beforeEach, it } from 'node:test';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, {
  propagate: { httpDeadline: 'Timeout-Ms', grpcDeadline: true, marginMs: 10, cancel: true },
});
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');
const grpc = await import('@grpc/grpc-js');

const definition = {
  echo: {
    path: '/test.Deadline/Left',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: string) => Buffer.from(value),
    requestDeserialize: String,
    responseSerialize: (value: string) => Buffer.from(value),
    responseDeserialize: String,
  },
};
const grpcServer = new grpc.Server();
grpcServer.addService(definition, {
  echo: (call: { getDeadline(): number | Date }, callback: (error: null, value: string) => void) =>
    callback(null, String(Number(call.getDeadline()) - Date.now())),
});
const grpcPort = await new Promise<number>((resolve, reject) => {
  grpcServer.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
});
const Client = grpc.makeGenericClientConstructor(definition, 'Deadline');
const client = new Client(`127.0.0.1:${grpcPort}`, grpc.credentials.createInsecure());
type Echo = (value: string, options: object, done: (error: Error | null, left: string) => void) => void;

after(() => {
  client.close();
  grpcServer.forceShutdown();
  closeServers();
});
beforeEach(() => telemetry.reset());

const backend = await serve(
  (request, response) => void response.end(request.headers['timeout-ms'] ?? 'none'),
);
const overHttp = await serve((_request, response) => {
  http.get({ port: backend, host: '127.0.0.1' }, (answer) => answer.pipe(response));
});
const overGrpc = await serve((request, response) => {
  const own = Number(request.headers['x-own']);
  const options = own ? { deadline: Date.now() + own } : {};
  (client.echo as Echo)('?', options, (error, left) => response.end(error ? error.message : left));
});

it('outgoing HTTP tells what is left, less the margin', async () => {
  const leftMs = Number((await ask(overHttp, { 'timeout-ms': '1000' })).body);
  assert.ok(leftMs > 700 && leftMs <= 990, `${leftMs}`);
  await telemetry.allEnded();
  assert.ok(!telemetry.ended.some(({ attributes }) => attributes['cancel.finding'] !== undefined));
  const passed = telemetry.ended.find(({ attributes }) => attributes['deadline.source'] === 'inherited');
  assert.ok(Number(passed?.attributes['deadline.timeout_ms']) <= 990);
});

it('without an incoming deadline nothing is added', async () => {
  assert.equal((await ask(overHttp)).body, 'none');
});

it('outgoing gRPC gets what is left as its deadline, less the margin', async () => {
  const { body } = await ask(overGrpc, { 'timeout-ms': '1000' });
  assert.ok(Number(body) > 500 && Number(body) <= 992, body);
});

it('an earlier deadline of its own is kept, a later one is not', async () => {
  assert.ok(Number((await ask(overGrpc, { 'timeout-ms': '1000', 'x-own': '400' })).body) <= 402);
  assert.ok(Number((await ask(overGrpc, { 'timeout-ms': '1000', 'x-own': '4000' })).body) <= 992);
});

it('outgoing operations are cancelled with the incoming one', async () => {
  let seen = '';
  const slow = await serve(() => {});
  const hasFailed = new Promise<void>((resolve) => {
    void serve(() => {
      http.get({ port: slow, host: '127.0.0.1' }).on('error', (error) => {
        seen = error.name;
        resolve();
      });
      setTimeout(() => request.destroy(), 40);
    }).then((port) => {
      request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
    });
  });
  let request: ReturnType<typeof http.get>;
  await hasFailed;
  assert.equal(seen, 'AbortError');
  await telemetry.allEnded();
  const inherited = telemetry.ended.find(({ attributes }) => attributes['cancel.initiator'] === 'inherited');
  assert.equal(inherited?.attributes['cancel.reason'], 'AbortError: the incoming operation was cancelled');
});
