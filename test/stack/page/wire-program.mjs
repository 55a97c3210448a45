/**
 * A shop that somebody leaves, while it watches its stock, in a process of its own, by gRPC with a limit. The stock is busy when the
 * limit passes, and sends before it hears of that.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';

const LIMIT_MS = 250;
const LEFT_AFTER_MS = 450;
const bytes = (buffer) => buffer;
const Watch = {
  path: '/shop.Stock/Watch',
  requestStream: false,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

async function serveStock() {
  const server = new grpc.Server();
  server.addService({ Watch }, { Watch: watch });
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, port) =>
    process.send(port),
  );
  process.once('disconnect', () => process.exit());
}

async function watch(call) {
  call.write(Buffer.alloc(100));
  await delay(50);
  // Of what is written in the phase of the event loop that comes now, DATA is sent before the socket is read.
  await stat('.');
  const endMs = performance.now() + 1.4 * LIMIT_MS;
  while (performance.now() < endMs);
  for (let sent = 0; sent < 3; sent++) call.write(Buffer.alloc(8_000));
  call.end();
}

async function leaveShop() {
  const stock = fork(process.argv[1], [], { env: { ...process.env, OTEL_SERVICE_NAME: 'stock' } });
  const [stockPort] = await once(stock, 'message');
  const client = new grpc.Client(`127.0.0.1:${stockPort}`, grpc.credentials.createInsecure());
  await new Promise((resolve) => client.waitForReady(Date.now() + 10_000, resolve));
  const shop = http.createServer(() => {
    const options = { deadline: Date.now() + LIMIT_MS };
    const call = client.makeServerStreamRequest(Watch.path, bytes, bytes, Buffer.alloc(1), options);
    call.on('data', () => {}).on('error', () => {});
  });
  await once(shop.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${shop.address().port}/checkout`;
  await delay(300); // until nothing is loaded any more
  const signal = AbortSignal.timeout(LEFT_AFTER_MS);
  console.log(await fetch(url, { signal }).catch((error) => error.name));
  await delay(500); // the stock may have something to tell
  client.close();
  stock.disconnect();
  await once(stock, 'exit');
  process.exit();
}

await (process.send === undefined ? leaveShop() : serveStock());
