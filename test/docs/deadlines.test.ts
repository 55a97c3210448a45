/** The examples of docs/deadlines.md do what is said of them, as they stand there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import * as api from '../../src/index.ts';
import { readPage } from './pages.ts';

const require = createRequire(import.meta.url);
const http = require('node:http') as typeof import('node:http');
const provider = new NodeTracerProvider();
provider.register();
const instrumentation = new api.CancellationInstrumentation();
const blocks = [...readPage('docs/deadlines.md').matchAll(/^```js\n(.*?)^```/gms)].map(([, code = '']) =>
  code.replace(/^import .*$/m, ''),
);
const servers: import('node:http').Server[] = [];

after(async () => {
  instrumentation.disable();
  await provider.shutdown();
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** The code of the block in which this stands, with what it uses and does not make. @returns what `result` is then */
function run(word: string, around: Record<string, unknown>, result: string): unknown {
  const code = blocks.find((block) => block.includes(word));
  assert.ok(code !== undefined, `no example with ${word}`);
  const names = { ...api, ...around };
  return new Function(...Object.keys(names), `${code}\nreturn ${result};`)(...Object.values(names));
}

describe('checkOut()', () => {
  interface Seen {
    deadline?: unknown;
    signal?: AbortSignal | undefined;
    leftMs?: number | undefined;
  }

  async function shop(seen: Seen, stock: RequestListener): Promise<string> {
    const checkOut = run(
      'function checkOut',
      {
        stockUrl: await serve(stock),
        orders: { placeOrder: (_order: unknown, options: Seen) => (seen.deadline = options.deadline) },
        order: {},
        reply: () => {},
        sql: 'SELECT 1',
        db: {
          async query(_sql: string, { signal }: { signal: AbortSignal }) {
            seen.signal = signal;
            seen.leftMs = api.remainingMs();
          },
        },
      },
      'checkOut',
    ) as (...args: unknown[]) => Promise<unknown>;
    return serve((request, response) => {
      checkOut(request, response).then(
        () => response.end(),
        () => response.destroy(),
      );
    });
  }

  it('hands on what is left', async () => {
    const seen: Seen = {};
    const url = await shop(seen, (_request, response) => response.end('some'));
    const before = Date.now();
    const answer = await fetch(url, { headers: { 'timeout-ms': '5000' } });
    assert.equal(answer.status, 200);
    const deadline = Number(seen.deadline);
    assert.ok(deadline >= before && deadline <= Date.now() + 5_000, String(seen.deadline));
    assert.ok(seen.signal instanceof AbortSignal);
    assert.ok(Number(seen.leftMs) <= 200, String(seen.leftMs));
  });

  it('answers 503 when too little is left', async () => {
    const url = await shop({}, (_request, response) => response.end('some'));
    const answer = await fetch(url, { headers: { 'timeout-ms': '49' } }).catch((error: Error) => error);
    // The limit may pass before the answer is there, and then the request is destroyed.
    if (answer instanceof Response) assert.equal(answer.status, 503);
  });

  it('ends its own request when the browser leaves', async () => {
    const { promise, resolve } = withResolvers<void>();
    const browser = new AbortController();
    const url = await shop({}, (_request, response) => {
      response.on('close', () => resolve());
      browser.abort();
    });
    await assert.rejects(fetch(url, { signal: browser.signal }), { name: 'AbortError' });
    await promise;
  });
});

it('loadItem() goes on for those who wait when the first who asked has left', async () => {
  let asked = 0;
  const waiting = withResolvers<() => void>();
  const url = await serve((_request, response) => {
    asked++;
    waiting.resolve(() => response.end('an item'));
  });
  const loadItem = run('function loadItem', { itemUrl: () => url }, 'loadItem') as (
    id: string,
  ) => Promise<Response>;
  const first = new AbortController();
  const gone = withResolvers<void>();
  const second = withResolvers<void>();
  const shop = await serve((request, response) => {
    if (request.url === '/first') response.on('close', () => gone.resolve());
    else second.resolve();
    loadItem('sofa').then(async (answer) => response.end(await answer.clone().text()));
  });
  const left = fetch(`${shop}first`, { signal: first.signal });
  const answer = await waiting.promise;
  const waits = fetch(`${shop}second`);
  await second.promise;
  first.abort();
  await assert.rejects(left);
  await gone.promise;
  answer();
  assert.equal(await (await waits).text(), 'an item');
  assert.equal(asked, 1);
});

describe('middleware refuses a limit that breaks its grammar', () => {
  const handler: RequestListener = (_request, response) => response.end('done');
  const lines = (blocks.find((block) => block.includes('fastifyDeadline')) ?? '')
    .split('\n')
    .filter((line) => line.includes('Deadline'));

  /** @returns the server that this line makes, or what `app` is after it */
  async function startedBy(line: string): Promise<string> {
    const names = { ...api, handler };
    const use = (app: unknown, ownHttp: unknown): unknown =>
      new Function(...Object.keys(names), 'app', 'http', line)(...Object.values(names), app, ownHttp);
    if (line.includes('expressDeadline')) {
      const app = (require('express') as typeof import('express'))();
      use(app, http);
      app.use(handler);
      return serve(app);
    }
    if (line.includes('fastifyDeadline')) {
      const app = (require('fastify') as typeof import('fastify')).fastify();
      use(app, http);
      app.get('/', async () => 'done');
      await app.ready();
      return serve(app.routing as RequestListener);
    }
    if (line.includes('koaDeadline')) {
      const Koa = require('koa') as new () => { use(fn: unknown): void; callback(): RequestListener };
      const app = new Koa();
      use(app, http);
      app.use((context: { body: string }) => {
        context.body = 'done';
      });
      return serve(app.callback());
    }
    let listener: RequestListener | undefined;
    use(undefined, { createServer: (given: RequestListener) => (listener = given) });
    assert.ok(listener !== undefined, line);
    return serve(listener);
  }

  assert.equal(lines.length, 4);
  for (const line of lines) {
    it(line.trim(), async () => {
      const url = await startedBy(line);
      const ask = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
      assert.equal(await ask({ 'timeout-ms': '5000' }), 200);
      assert.equal(await ask({ 'timeout-ms': 'soon' }), line.includes("'enforce'") ? 400 : 200);
      assert.equal(await ask({}), line.includes('required: true') ? 400 : 200);
      // The other ones let as much pass as the table says.
      assert.equal(await ask({ 'timeout-ms': '20000' }), line.includes('maxMs') ? 400 : 200);
    });
  }
});

it('the options for passing them on are accepted', () => {
  const code = blocks.find((block) => block.includes('propagate: {')) ?? '';
  const Instrumentation = class extends api.CancellationInstrumentation {
    constructor(options: ConstructorParameters<typeof api.CancellationInstrumentation>[0]) {
      super({ ...options, integrations: [] });
      assert.deepEqual(Object.keys(options?.propagate ?? {}).sort(), [
        'cancel',
        'grpcDeadline',
        'httpDeadline',
        'marginMs',
      ]);
      this.disable();
      made++;
    }
  };
  let made = 0;
  new Function('CancellationInstrumentation', code)(Instrumentation);
  assert.equal(made, 1);
});

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
