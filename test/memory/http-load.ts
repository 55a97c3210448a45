/** HTTP/1.1 by Node's client, and by fetch(). What is cancelled takes a connection of its own. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { closeOf, HELD_PATH, type Load, leavable, Waiting } from './load.ts';

async function startServer() {
  const http = await import('node:http');
  const waiting = new Waiting();
  const counted = { connections: 0 };
  // Closed by the server while a request is on its way, a connection would fail it.
  const server = http
    .createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      request.resume();
      if (waiting.isAnswered(request.url ?? '', () => closeOf(response))) response.end('hello');
    })
    .on('connection', () => counted.connections++)
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { http, waiting, counted, port: (server.address() as AddressInfo).port };
}

export async function startHttp(shared: AbortSignal): Promise<Load> {
  const { http, waiting, counted, port } = await startServer();
  const host = '127.0.0.1';
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let besides = 0;
  return {
    async complete() {
      const request = http.get({ port, host, agent, signal: shared });
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
    },
    async cancel() {
      besides++;
      const { signal, leave } = leavable(shared);
      const { path, arrived } = waiting.expect();
      const over = closeOf(http.get({ port, host, path, agent: false, signal }));
      const { ended } = await arrived;
      leave();
      await Promise.all([over, ended]);
    },
    hold() {
      besides++;
      http.get({ port, host, path: HELD_PATH, agent: false, signal: shared });
    },
    /** Waits for a connection that never comes. */
    forget() {
      http.get({ host, createConnection: () => undefined as never });
    },
    connections: () => counted.connections - besides,
  };
}

export async function startFetch(shared: AbortSignal): Promise<Load> {
  const { waiting, port } = await startServer();
  const origin = `http://127.0.0.1:${port}`;
  const dispatcher = patientDispatcher();
  return {
    complete: async () => (await fetch(origin, { signal: shared })).text(),
    async cancel() {
      const { signal, leave } = leavable(shared);
      const { path, arrived } = waiting.expect();
      const over = fetch(origin + path, { signal }).catch(() => {});
      const { ended } = await arrived;
      leave();
      await Promise.all([over, ended]);
    },
    hold: () => void fetch(origin + HELD_PATH, { signal: shared, dispatcher } as RequestInit),
  };
}

/** One of fetch()'s own that does not give up after five minutes. */
function patientDispatcher(): object {
  new Request('http://127.0.0.1'); // with it Node loads the library
  const { constructor: Agent } = Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1'));
  return new Agent({ headersTimeout: 0 });
}
