import { setMaxListeners } from 'node:events';
import type * as Http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { isByHand, type SetUp, type Workload } from '../plan.ts';
import { floorHandler, floorRequester } from './floor-http.ts';

// Instrumentations hook require(); an import of node:http would pass the official one by.
const http = createRequire(import.meta.url)('node:http') as typeof Http;

const body = JSON.stringify({ id: 1, name: 'a small item' });

export type Handler = (request: Http.IncomingMessage, response: Http.ServerResponse) => void;

/** How a set-up starts and aborts requests: by node:http alone, or with spans around it. */
export interface Requester {
  get(options: Http.RequestOptions, onResponse: (response: Http.IncomingMessage) => void): Http.ClientRequest;
  abort(request: Http.ClientRequest, controller: AbortController, reason: Error): void;
}

export async function serve(setUp: SetUp): Promise<number> {
  const handler: Handler = (request, response) => {
    if (request.url === '/hang') {
      // The head and a first byte, and no more: the client aborts.
      response.write('{');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  };
  const server = http.createServer(isByHand(setUp) ? floorHandler(handler) : handler);
  // A set-up is idle while the others run: its connections must not go away meanwhile.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export async function caller(
  setUp: SetUp,
  workload: Workload,
  port: number,
  concurrency: number,
): Promise<() => Promise<void>> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  const requests = isByHand(setUp) ? floorRequester(http) : plainRequester();
  const target = { host: '127.0.0.1', port, agent };
  switch (workload) {
    case 'http':
      return () => succeed(requests, { ...target, path: '/item' });
    case 'http-signal':
      return () => succeed(requests, { ...target, path: '/item', signal: new AbortController().signal });
    case 'http-shared-signal': {
      const { signal } = new AbortController();
      setMaxListeners(0, signal);
      return () => succeed(requests, { ...target, path: '/item', signal });
    }
    case 'http-cancelled':
      return () => abortAtFirstByte(requests, { ...target, path: '/hang' });
    default:
      throw new Error(`${workload} is no HTTP workload`);
  }
}

function plainRequester(): Requester {
  return {
    get: (options, onResponse) => http.get(options, onResponse),
    abort: (_request, controller, reason) => controller.abort(reason),
  };
}

function succeed(requests: Requester, options: Http.RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = requests.get(options, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    request.on('error', reject);
  });
}

function abortAtFirstByte(requests: Requester, target: Http.RequestOptions): Promise<void> {
  return new Promise((resolve) => {
    const controller = new AbortController();
    const request = requests.get({ ...target, signal: controller.signal }, (response) => {
      // The body breaks off with an error, which is what is wanted here.
      response.on('error', () => {});
      response.once('data', () => requests.abort(request, controller, new Error('user left')));
    });
    request.on('error', () => {});
    request.on('close', resolve);
  });
}
