/** Signals that are not those of this realm: of polyfills, of another realm, of another thread, and of a server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan, type Expectation } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { aborted, rejection, userLeaves } from './fetch-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';
import { startUndiciServer } from './server.ts';

const telemetry = new Telemetry(setup);
const server = await startUndiciServer();
after(() => server.close());

const require = createRequire(import.meta.url);
type Controllers = new () => AbortController;
const { createSchema, createYoga } = require('graphql-yoga') as typeof import('graphql-yoga');
const CONTROLLERS: Record<string, Controllers> = {
  'abort-controller': require('abort-controller').AbortController,
  'node-abort-controller': require('node-abort-controller').AbortController,
};
// It takes seconds to load, and a signal of its realm is the same to whatever is beside us.
if (setup === 'alone') {
  const { JSDOM } = require('jsdom') as {
    JSDOM: new (html: string) => { window: { AbortController: Controllers } };
  };
  CONTROLLERS.jsdom = new JSDOM('').window.AbortController;
}

type Ask = (path: string, signal: AbortSignal) => Promise<{ text(): Promise<unknown> }>;
const clients: Record<string, Ask> = {
  'fetch()': (path, signal) => fetch(server.origin + path, { signal }),
};
for (const { name, undici, agent, fetch } of undiciVersions().map(loadUndici)) {
  after(() => agent.destroy());
  clients[`fetch() of ${name}`] = (path, signal) => fetch(server.origin + path, { signal });
  clients[`request() of ${name}`] = async (path, signal) => {
    const { body } = await undici.request(server.origin + path, { signal, dispatcher: agent });
    return body.on('error', () => {});
  };
}

/** Whether this client takes such a signal: some do only in some versions of Node. */
async function takes(ask: Ask, signal: AbortSignal): Promise<boolean> {
  telemetry.instrumentation.disable();
  const answer = await ask('/', signal).catch(() => undefined);
  await answer?.text();
  await telemetry.allEnded();
  telemetry.reset();
  telemetry.instrumentation.enable();
  return answer !== undefined;
}

const outgoing = (): ReadableSpan[] => telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);

async function theSpan(expected: Expectation): Promise<void> {
  await telemetry.allEnded();
  const [span, ...others] = outgoing();
  const said = outgoing().map((one) => JSON.stringify(one.attributes));
  assert.ok(span && others.length === 0, `spans: ${said}`);
  checkSpan(span, expected, 'CLIENT');
}

describe(`any signal, ${setup}`, () => {
  beforeEach(() => telemetry.reset());
  afterEach(() => assert.deepEqual(telemetry.diagnostics, []));

  for (const [name, Controller] of Object.entries(CONTROLLERS)) {
    for (const [client, ask] of Object.entries(clients)) {
      it(`${client} with a signal of ${name}`, async (test) => {
        // Node 20 ends the process when such a signal is aborted.
        const isBroken = name === 'node-abort-controller' && !client.startsWith('request');
        if (isBroken || !(await takes(ask, new Controller().signal))) return test.skip('it takes none');

        const waiting = new Controller();
        const seen = server.seen('/hang/any');
        const promise = rejection(ask('/hang/any', waiting.signal));
        await seen;
        userLeaves(waiting, 'why');
        const error = await promise;
        const reason = error === 'why' ? 'why' : /abort/i;
        await theSpan({ ...aborted, phase: 'wait', reason, origin: 'userLeaves' });

        telemetry.reset();
        const receiving = new Controller();
        const answer = await ask('/body', receiving.signal);
        userLeaves(receiving, 'why');
        await rejection(answer.text());
        await theSpan({ ...aborted, phase: 'receive', origin: 'userLeaves' });

        telemetry.reset();
        const kept = new Controller();
        await (await ask('/', kept.signal)).text();
        await theSpan({ outcome: undefined });
      });
    }
  }

  it('a signal that came from another thread', async () => {
    const source = `const { parentPort } = require('node:worker_threads');
      const controller = require('node:util').transferableAbortController();
      parentPort.postMessage(controller.signal, [controller.signal]);
      parentPort.on('message', () => { controller.abort('from afar'); parentPort.close(); });`;
    const worker = new Worker(source, { eval: true });
    const [signal] = (await once(worker, 'message')) as [AbortSignal];
    const seen = server.seen('/hang/thread');
    const promise = rejection(fetch(`${server.origin}/hang/thread`, { signal }));
    await seen;
    worker.postMessage('abort');
    assert.equal(await promise, 'from afar');
    await theSpan({ ...aborted, phase: 'wait', reason: 'from afar', origin: null });
  });

  it('the signal that graphql-yoga gives to its resolvers', async () => {
    const backend = server.origin;
    const yoga = createYoga<{ request: Request }>({
      logging: false,
      schema: createSchema({
        typeDefs: 'type Query { slow: String }',
        resolvers: {
          Query: {
            slow: (_parent, _args, { request: { signal } }) =>
              fetch(`${backend}/hang/yoga`, { signal }).then((answer) => answer.text()),
          },
        },
      }),
    });
    const graphql = http.createServer(yoga).listen(0, '127.0.0.1');
    await once(graphql, 'listening');
    const { port } = graphql.address() as AddressInfo;
    const seen = server.seen('/hang/yoga');
    const body = JSON.stringify({ query: '{ slow }' });
    const headers = { 'content-type': 'application/json' };
    const request = http.request({ port, method: 'POST', path: '/graphql', headers }).on('error', () => {});
    request.end(body);
    await seen;
    request.destroy();
    await server.idle();
    await telemetry.allEnded();
    graphql.close();
    const inner = outgoing().find(({ attributes }) => String(attributes['url.full']).endsWith('/hang/yoga'));
    assert.ok(inner);
    checkSpan(
      inner,
      {
        outcome: 'context.canceled',
        initiator: 'inherited',
        trigger: 'abort',
        phase: 'wait',
        status: 'unset',
      },
      'CLIENT',
    );
  });
});
