// One set-up in a process of its own, with requests or calls in flight that are never answered: prints the bytes of heap that each takes.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SetUp } from '../plan.ts';
import { startTelemetry } from './telemetry.ts';

/** Fewer than the limit above which the oldest are not followed. */
const REQUESTS = 5_000;
const WARM_UP_REQUESTS = 500;
const CONNECTIONS = 10;

const [setUp, protocol, side] = process.argv.slice(2) as [
  SetUp,
  'http' | 'fetch' | 'grpc',
  'incoming' | 'outgoing',
];
await startTelemetry(setUp, side === 'incoming' ? 'server' : 'client');
// Not before: an instrumentation sees only what is required after it.
const http = createRequire(import.meta.url)('node:http') as typeof import('node:http');
const { gc } = globalThis as { gc?: () => void };

async function heapBytes(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    gc?.();
    await sleep(20);
  }
  return process.memoryUsage().heapUsed;
}

async function listen(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Many on a connection, whose answers would have to wait for each other. */
async function incoming(): Promise<(requests: number) => Promise<void>> {
  let arrived = 0;
  const kept: unknown[] = [];
  const port = await listen(
    http.createServer((request, response) => {
      arrived++;
      kept.push(request, response);
    }),
  );
  return async (requests) => {
    const expected = arrived + requests;
    const text = 'GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n'.repeat(requests / CONNECTIONS);
    for (let count = 0; count < CONNECTIONS; count++) net.connect(port, '127.0.0.1').write(text);
    while (arrived < expected) await sleep(10);
  };
}

/** Each on a connection of its own, as a request in flight has it. */
async function outgoing(get: (port: number) => unknown): Promise<(requests: number) => Promise<void>> {
  let arrived = 0;
  const port = await listen(net.createServer((socket) => socket.once('data', () => arrived++)));
  return async (requests) => {
    const expected = arrived + requests;
    for (let count = 0; count < requests; count++) get(port);
    while (arrived < expected) await sleep(10);
  };
}

function loadOf(): Promise<(requests: number) => Promise<void>> {
  if (protocol === 'grpc') return import('./in-flight-grpc.ts').then((grpc) => grpc[side]());
  if (side === 'incoming') return incoming();
  if (protocol === 'fetch') return outgoing((port) => fetch(`http://127.0.0.1:${port}/slow`));
  return outgoing((port) => http.get({ host: '127.0.0.1', port, agent: false }));
}

// undici looks for a free connection among all of them: as many as of others would take minutes.
const requests = protocol === 'fetch' ? REQUESTS / 5 : REQUESTS;
const start = await loadOf();
// What is made once is made by these.
await start(WARM_UP_REQUESTS);
const before = await heapBytes();
await start(requests);
console.log(((await heapBytes()) - before) / requests);
process.exit();
