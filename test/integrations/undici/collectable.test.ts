/** What was given to a fetch() that is over is collected while the connection lives that it has opened, however it was answered. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Telemetry } from '../../support/telemetry.ts';
import { loadUndici, undiciVersions } from './library.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const telemetry = new Telemetry('alone');
const dispatchers: { destroy(): Promise<void> }[] = [];
after(() => Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy())));

interface Answered {
  readonly name: string;
  readonly answer: (response: ServerResponse, path: string | undefined) => unknown;
  readonly init?: RequestInit;
  /** Reads all of it, unless said otherwise. */
  readonly leave?: (response: Response) => unknown;
}

const status = (code: number) => (response: ServerResponse) => response.writeHead(code).end();
const redirect = (code: number) => (response: ServerResponse, path: string | undefined) =>
  path === '/over'
    ? response.end('here')
    : response.writeHead(code, { location: path === '/' ? '/again' : '/over' }).end('elsewhere');

const answers: readonly Answered[] = [
  ...[200, 204, 205, 300, 304, 401, 421].map((code) => ({ name: `${code}`, answer: status(code) })),
  ...[301, 307].map((code) => ({ name: `${code}, followed twice`, answer: redirect(code) })),
  { name: '302 that says nowhere', answer: status(302) },
  { name: "302 with redirect: 'manual'", answer: redirect(302), init: { redirect: 'manual' } },
  { name: "302 with redirect: 'error'", answer: redirect(302), init: { redirect: 'error' } },
  { name: '200 to HEAD', answer: status(200), init: { method: 'HEAD' } },
  { name: '304 to HEAD', answer: status(304), init: { method: 'HEAD' } },
  {
    name: '200, cancelled',
    answer: (response) => response.write('no end'),
    leave: ({ body }) => body?.cancel(),
  },
  { name: '200, not read', answer: (response) => response.write('no end'), leave: () => {} },
];

/** Returns the signal that it was given. */
async function fetched(
  fetch: typeof globalThis.fetch,
  url: string,
  { init, leave = (response) => response.arrayBuffer() }: Answered,
): Promise<WeakRef<AbortSignal>> {
  const { signal } = new AbortController();
  const response = await fetch(url, { ...init, signal }).catch(() => undefined);
  if (response) await leave(response);
  return new WeakRef(signal);
}

/** The names of answers after which the signal that fetch() was given is still there. */
async function keptBy(fetch: typeof globalThis.fetch): Promise<string[]> {
  const given = new Map<string, WeakRef<AbortSignal>>();
  const servers: Server[] = [];
  for (const answered of answers) {
    const { name, answer } = answered;
    // A connection for each, which it opens.
    const server = createServer((request, response) => answer(response, request.url)).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    given.set(name, await fetched(fetch, `http://127.0.0.1:${port}/`, answered));
  }
  telemetry.reset();
  const kept = () => answers.map(({ name }) => name).filter((name) => given.get(name)?.deref());
  for (let round = 0; round < 20 && kept().length > 0; round++) {
    await delay(5);
    collectGarbage();
  }
  for (const server of servers) server.close().closeAllConnections();
  return kept();
}

describe('what a fetch() that is over was given is collected, while the connection lives that it has opened', () => {
  const libraries = [{ name: 'fetch()', fetch: globalThis.fetch }, ...undiciVersions().map(loadUndici)];
  for (const { name, fetch } of libraries) {
    it(`${name}, however it was answered`, async () => {
      assert.deepEqual(await keptBy(fetch), []);
    });
  }
});
