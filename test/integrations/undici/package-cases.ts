/** What is staged with the package undici beyond fetch(): request, stream, pipeline, dispatchers. */
import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Attributes } from '@opentelemetry/api';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { aborted, left, limitTo, rejection, timedOut, unmarked, userLeaves } from './fetch-cases.ts';
import type { UndiciLibrary } from './library.ts';
import type { UndiciServer } from './server.ts';

const destroyed: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'destroy',
  status: 'unset',
};
const limitPassed: Expectation = {
  outcome: 'deadline_exceeded',
  initiator: 'local',
  trigger: 'timeout',
  status: 'error',
};

async function readOne(body: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of body) break;
}

function timeoutOf(ms: number): Attributes {
  return { 'deadline.timeout_ms': ms, 'deadline.source': 'timeout' };
}

export function packageCases({ name, undici }: UndiciLibrary, server: UndiciServer): readonly ContractCase[] {
  const { origin } = server;
  const { Agent, Client, Pool } = undici;
  function agentWith(options: ConstructorParameters<typeof Agent>[0]): InstanceType<typeof Agent> {
    return new Agent(options);
  }
  /** With a dispatcher of its own, destroyed at the end. */
  async function using<T extends { destroy(): Promise<void> }>(
    dispatcher: T,
    act: (dispatcher: T) => Promise<unknown>,
  ): Promise<void> {
    try {
      await act(dispatcher);
      await server.idle();
    } finally {
      await dispatcher.destroy();
    }
  }
  const cases: ContractCase[] = [
    ...(
      [
        ['an object', { 'X-Request-Timeout': '5000', 'user-agent': 'test' }],
        ['an array', ['user-agent', 'test', 'X-Request-Timeout', '5000']],
        ['a Map', new Map([['x-request-timeout', '5000']])],
      ] as const
    ).map(
      ([what, headers]): ContractCase => ({
        name: `request() with a limit in its headers, ${what}`,
        stage: () =>
          using(new Agent(), async (dispatcher) => {
            const options = { dispatcher, headers: headers as Record<string, string> };
            await (await undici.request(`${origin}/`, options)).body.text();
          }),
        client: {
          ...unmarked,
          attributes: { 'deadline.timeout_ms': 5_000, 'deadline.source': 'x-request-timeout' },
        },
      }),
    ),
    {
      name: 'a body that is dumped until a signal is aborted',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          const { body } = await undici.request(`${origin}/body`, { dispatcher });
          const dumped = rejection(body.dump({ limit: 1e6, signal: controller.signal }));
          userLeaves(controller);
          await dumped;
        }),
      client: { ...aborted, phase: 'receive', origin: 'userLeaves', reason: /^AbortError: / },
      server: left,
    },
    {
      name: 'a body that is piped until a signal is aborted',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const { body } = await undici.request(`${origin}/body`, { dispatcher });
          await rejection(pipeline(body, new PassThrough().resume(), { signal: limitTo(50) }));
        }),
      client: {
        ...timedOut,
        phase: 'receive',
        origin: 'limitTo',
        attributes: { 'error.type': 'UND_ERR_ABORTED' },
      },
      server: left,
    },
    {
      name: 'stream() into a sink that a signal destroys',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          const options = { dispatcher, method: 'GET' } as const;
          await rejection(
            undici.stream(`${origin}/body`, options, () => {
              setImmediate(userLeaves, controller, 'enough');
              return new Writable({ signal: controller.signal, write: (_chunk, _encoding, done) => done() });
            }),
          );
        }),
      client: { ...aborted, phase: 'receive', origin: 'userLeaves', reason: 'enough' },
      server: left,
    },
    {
      name: 'request() with a headersTimeout that comes before the limit in its headers',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const headers = { 'timeout-ms': '60000' };
          await (
            await undici.request(`${origin}/`, { dispatcher, headers, headersTimeout: 5_000 })
          ).body.text();
        }),
      client: { ...unmarked, attributes: timeoutOf(5_000) },
    },
    {
      name: 'request() with a headersTimeout that comes after the limit in its headers',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const headers = { 'timeout-ms': '60000' };
          await (
            await undici.request(`${origin}/`, { dispatcher, headers, headersTimeout: 90_000 })
          ).body.text();
        }),
      client: {
        ...unmarked,
        attributes: { 'deadline.timeout_ms': 60_000, 'deadline.source': 'timeout-ms' },
      },
    },
    {
      name: 'request() aborted while it waits',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          const seen = server.seen('/hang/1');
          const promise = rejection(
            undici.request(`${origin}/hang/1`, { signal: controller.signal, dispatcher }),
          );
          await seen;
          const error = new Error('user left');
          userLeaves(controller, error);
          assert.equal(await promise, error);
        }),
      client: { ...aborted, phase: 'wait', reason: 'user left', origin: 'userLeaves' },
      server: left,
    },
    {
      name: 'request() aborted while it waits, by the global dispatcher',
      async stage() {
        const controller = new AbortController();
        const seen = server.seen('/hang/2');
        const promise = rejection(undici.request(`${origin}/hang/2`, { signal: controller.signal }));
        await seen;
        userLeaves(controller, 'gone');
        await promise;
        await server.idle();
      },
      client: { ...aborted, phase: 'wait', reason: 'gone', origin: 'userLeaves' },
    },
    {
      name: 'request() aborted while it receives',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          const { body } = await undici.request(`${origin}/body`, { signal: controller.signal, dispatcher });
          userLeaves(controller, new Error('bye'));
          await rejection(body.text());
        }),
      client: { ...aborted, phase: 'receive', reason: 'bye', origin: 'userLeaves' },
      server: left,
    },
    {
      name: 'request() aborted while it connects',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          const promise = rejection(
            undici.request(`${server.silentOrigin}/`, { signal: controller.signal, dispatcher }),
          );
          userLeaves(controller);
          // The application is told when the connection is there or has failed.
          await dispatcher.destroy();
          await promise;
        }),
      client: { ...aborted, phase: 'connect', origin: 'userLeaves' },
    },
    {
      name: 'request() with a signal that is aborted already',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          userLeaves(controller, 'gone');
          await rejection(undici.request(`${origin}/never`, { signal: controller.signal, dispatcher }));
        }),
      client: { ...aborted, phase: 'queued', reason: 'gone', origin: 'userLeaves' },
      server: null,
    },
    {
      name: 'request() with AbortSignal.timeout()',
      stage: () =>
        using(new Pool(origin), async (pool) => {
          await rejection(pool.request({ path: '/hang', method: 'GET', signal: limitTo(300) }));
        }),
      client: { ...timedOut, phase: 'wait', origin: 'limitTo' },
      server: left,
    },
    {
      name: 'destroy() of the body of request()',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const { body } = await undici.request(`${origin}/body`, { dispatcher });
          stopReading(
            body.on('error', () => {}),
            new Error('enough'),
          );
        }),
      client: { ...destroyed, phase: 'receive', reason: 'enough', origin: 'stopReading' },
      server: left,
    },
    {
      name: 'break out of for-await over the body of request()',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const { body } = await undici.request(`${origin}/body`, { dispatcher });
          await readOne(body);
        }),
      client: { ...destroyed, phase: 'receive', origin: 'readOne' },
      server: left,
    },
    {
      name: 'stream() aborted while it receives',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const controller = new AbortController();
          await rejection(
            undici.stream(`${origin}/body`, { signal: controller.signal, dispatcher, method: 'GET' }, () => {
              return new Writable({
                write(_chunk, _encoding, callback) {
                  callback();
                  userLeaves(controller, new Error('bye'));
                },
              });
            }),
          );
        }),
      client: { ...aborted, phase: 'receive', reason: 'bye', origin: 'userLeaves' },
      server: left,
    },
    ...[undefined, new Error('enough')].map((error) => ({
      name: `stream() whose sink is destroyed, ${error ? 'with an error' : 'without one'}`,
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          await rejection(
            undici.stream(`${origin}/body`, { dispatcher, method: 'GET' }, () => {
              const sink = new PassThrough();
              sink.on('error', () => {}).once('data', () => stopReading(sink, error));
              return sink;
            }),
          );
        }),
      client: {
        ...destroyed,
        phase: 'receive',
        origin: 'stopReading',
        ...(error === undefined ? {} : { reason: 'enough' }),
      },
      server: left,
    })),
    ...[setImmediate, (write: () => void) => write()].map((soon, index) => ({
      name: `stream() whose sink fails ${index === 0 ? 'a turn later' : 'at once'}`,
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const full = new Writable({
            write: (_chunk, _encoding, callback) => void soon(() => callback(new Error('disk full'))),
          });
          full.on('error', () => {});
          await rejection(undici.stream(`${origin}/body`, { dispatcher, method: 'GET' }, () => full));
        }),
      client: unmarked,
      server: left,
    })),
    {
      name: 'a client that is destroyed while a request waits',
      async stage() {
        const client = new Client(origin);
        const seen = server.seen('/hang/4');
        const promise = rejection(client.request({ path: '/hang/4', method: 'GET' }));
        await seen;
        await hangUp(client);
        await promise;
        await server.idle();
      },
      client: { ...destroyed, phase: 'wait', origin: 'hangUp' },
      server: left,
    },
    {
      name: 'an agent that is destroyed with an error of its own',
      async stage() {
        const dispatcher = new Agent();
        const seen = server.seen('/hang/5');
        const promise = rejection(undici.request(`${origin}/hang/5`, { dispatcher }));
        await seen;
        await hangUp(dispatcher, new Error('going down'));
        await promise;
        await server.idle();
      },
      client: { ...destroyed, phase: 'wait', reason: 'going down', origin: 'hangUp' },
      server: left,
    },
    {
      name: 'headersTimeout',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const promise = (function limit() {
            return undici.request(`${origin}/hang`, { headersTimeout: 100, dispatcher });
          })();
          assert.equal(((await rejection(promise)) as { code: string }).code, 'UND_ERR_HEADERS_TIMEOUT');
        }),
      client: {
        ...limitPassed,
        phase: 'wait',
        reason: /Headers Timeout Error/,
        origin: 'limit',
        attributes: { 'error.type': 'UND_ERR_HEADERS_TIMEOUT', ...timeoutOf(100) },
      },
      server: left,
    },
    {
      name: 'headersTimeout of the agent',
      stage: () =>
        using(agentWith({ headersTimeout: 150 }), async (dispatcher) => {
          await rejection(undici.request(`${origin}/hang`, { dispatcher }));
        }),
      client: { ...limitPassed, phase: 'wait', origin: 'agentWith', attributes: timeoutOf(150) },
      server: left,
    },
    {
      name: 'headersTimeout of a client',
      stage: () =>
        using(
          (function clientWith() {
            return new Client(origin, { headersTimeout: 150 });
          })(),
          async (client) => {
            await rejection(client.request({ path: '/hang', method: 'GET' }));
          },
        ),
      client: { ...limitPassed, phase: 'wait', origin: 'clientWith', attributes: timeoutOf(150) },
      server: left,
    },
    {
      name: 'headersTimeout of a pool',
      stage: () =>
        using(
          (function poolWith() {
            return new Pool(origin, { headersTimeout: 150, connections: 1 });
          })(),
          async (pool) => {
            await rejection(pool.request({ path: '/hang', method: 'GET' }));
          },
        ),
      client: { ...limitPassed, phase: 'wait', origin: 'poolWith', attributes: timeoutOf(150) },
      server: left,
    },
    {
      name: 'headersTimeout of the agent of a fetch()',
      stage: () =>
        using(agentWith({ headersTimeout: 150 }), async (dispatcher) => {
          await rejection(undici.fetch(`${origin}/hang`, { dispatcher }));
        }),
      client: { ...limitPassed, phase: 'wait', origin: 'agentWith', attributes: timeoutOf(150) },
      server: left,
    },
    {
      name: 'headersTimeout that is kept',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          await (await undici.request(`${origin}/`, { headersTimeout: 5_000, dispatcher })).body.dump();
        }),
      client: { ...unmarked, attributes: timeoutOf(5_000) },
    },
    {
      name: 'headersTimeout and a signal with less time',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          const options = { headersTimeout: 5_000, signal: AbortSignal.timeout(4_000), dispatcher };
          await (await undici.request(`${origin}/`, options)).body.dump();
        }),
      client: { ...unmarked, attributes: { 'deadline.source': 'signal' } },
    },
    {
      name: 'bodyTimeout',
      stage: () =>
        using(agentWith({ bodyTimeout: 100 }), async (dispatcher) => {
          const { body } = await undici.request(`${origin}/body`, { dispatcher });
          assert.equal(((await rejection(body.text())) as { code: string }).code, 'UND_ERR_BODY_TIMEOUT');
        }),
      client: {
        ...limitPassed,
        phase: 'receive',
        origin: 'agentWith',
        attributes: { 'error.type': 'UND_ERR_BODY_TIMEOUT', ...timeoutOf(100) },
      },
      server: left,
    },
    {
      name: 'connect timeout',
      stage: () =>
        using(agentWith({ connect: { timeout: 100 } }), async (dispatcher) => {
          const promise = undici.request(`${server.silentOrigin}/`, { dispatcher });
          assert.equal(((await rejection(promise)) as { code: string }).code, 'UND_ERR_CONNECT_TIMEOUT');
        }),
      client: {
        ...limitPassed,
        phase: ['connect', 'tls'],
        origin: 'agentWith',
        attributes: { 'error.type': 'UND_ERR_CONNECT_TIMEOUT', ...timeoutOf(100) },
      },
    },
    {
      name: 'request() that succeeds is not marked',
      stage: () =>
        using(new Pool(origin), async (pool) => {
          const { body } = await pool.request({
            path: '/',
            method: 'GET',
            signal: new AbortController().signal,
          });
          await body.text();
        }),
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'dump() of the body is not marked',
      stage: () =>
        using(new Agent(), async (dispatcher) => {
          await (await undici.request(`${origin}/`, { dispatcher })).body.dump();
        }),
      client: unmarked,
    },
    {
      name: 'close() of a client waits and marks nothing',
      async stage() {
        const client = new Client(origin);
        const promise = client.request({ path: '/late', method: 'GET' }).then(({ body }) => body.text());
        await client.close();
        await promise;
      },
      client: unmarked,
    },
    ...['rst', 'fin'].map(
      (word): ContractCase => ({
        name: `request() whose connection the server breaks is not marked (${word})`,
        stage: () =>
          using(new Agent(), async (dispatcher) => {
            await rejection(undici.request(`${origin}/${word}`, { dispatcher }));
          }),
        client: { ...unmarked, status: 'error' },
      }),
    ),
  ];
  return cases.map((one) => ({ ...one, name: `${name}: ${one.name}` }));
}

function stopReading(stream: { destroy(error?: Error): unknown }, error?: Error): void {
  stream.destroy(error);
}

async function hangUp(dispatcher: { destroy(error?: Error): Promise<void> }, error?: Error): Promise<void> {
  await (error === undefined ? dispatcher.destroy() : dispatcher.destroy(error));
}
