/** Services as they are: the shop's, and a handler of grpc-js that hears, and one that does not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GrpcService, loadGrpc, type ServerCall } from '../integrations/grpc/service.ts';
import { assertVerdicts, verdictsOf } from './ask.ts';

const NOT_ENFORCED = { missing: 'not asked: needs --enforced' };
/** It takes the first thing that looks like a limit, wherever it stands. */
const OF_GRPC_JS = { 'wrong.grpc-timeout.negative': 'taken for a limit' };

const shop = fileURLToPath(new URL('../../examples/shop/', import.meta.url));

async function start(script: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(process.execPath, [`${shop}${script}`], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return String(line).trim().replace('listening on ', '');
}

describe('comply', { concurrency: true }, async () => {
  const stock = await start('stock.js');
  const orders = await start('orders.js', { STOCK_URL: stock });
  const gateway = await start('gateway.js', { STOCK_URL: stock, ORDERS_ADDRESS: orders });
  const unseen = { 'leave.downstream': 'cannot be told: not seen from outside' };

  it('asks the orders of the shop', async () => {
    const order = ['--proto', `${shop}shop.proto`, '--data', '{"item":"sofa"}'];
    const told = await verdictsOf(orders, '--method', 'shop.Orders/PlaceOrder', ...order);
    assertVerdicts(told, {
      ...NOT_ENFORCED,
      ...OF_GRPC_JS,
      ...unseen,
      'limit.grpc-timeout.passed-on': 'not asked: needs --callback',
    });
  });

  it('asks the gateway of the shop, which reads no limits', async () => {
    const only = ['--method', 'POST', '--deadline-header', 'timeout-ms'];
    assertVerdicts(await verdictsOf(`${gateway}/checkout/sofa`, ...only), {
      ...NOT_ENFORCED,
      ...unseen,
      'leave.wire': 'cannot be told: over HTTP/1.1',
      'leave.connection': 'not asked: over HTTP/1.1',
      'limit.timeout-ms': 'its full work',
      'limit.timeout-ms.passed-on': 'not asked: needs --callback',
    });
  });

  for (const isDeaf of [false, true]) {
    it(`asks a handler of grpc-js that ${isDeaf ? 'does not hear' : 'hears'} of cancels`, async () => {
      const service = new GrpcService(loadGrpc());
      after(() => service.close());
      service.handler = (call, answer) =>
        void askCallback(call, isDeaf).then(() => answer(null, { text: '' }), answer);
      await service.listen();
      const options = ['--method', 'test.Echo/unary', '--callback-header', 'callback', '--data-hex', '7b7d'];
      const told = await verdictsOf(service.address, ...options);
      assertVerdicts(told, {
        ...NOT_ENFORCED,
        ...OF_GRPC_JS,
        ...(isDeaf ? { 'leave.downstream': 'fail: what it had called was still waited for' } : {}),
        ...(isDeaf ? { 'limit.grpc-timeout.passed-on': 'without a limit' } : {}),
      });
      assert.match(
        String(told.checks.get('limit.grpc-timeout.n')?.seen),
        /^(DEADLINE_EXCEEDED|reset with CANCEL) after/,
      );
    });
  }
});

async function askCallback(call: ServerCall, isDeaf: boolean): Promise<void> {
  const leftMs = Number(call.getDeadline()) - Date.now();
  const isLimited = !isDeaf && Number.isFinite(leftMs);
  const request = http.get(String(call.metadata.get('callback')[0]), {
    agent: false,
    headers: isLimited ? { 'timeout-ms': String(Math.floor(leftMs)) } : {},
  });
  if (!isDeaf) call.on('cancelled', () => request.destroy());
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response.resume(), 'end');
}
