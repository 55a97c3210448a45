import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  currentSignal,
  expressDeadline,
  fastifyDeadline,
  httpDeadline,
  koaDeadline,
  type RequestDeadlineOptions,
  remainingMs,
} from '../../src/index.ts';
import type { KoaModule } from '../frameworks/servers/koa.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof import('node:http');
const express5 = require('express') as typeof import('express');
const express4 = require('express4') as typeof import('express');
const { fastify } = require('fastify') as typeof import('fastify');
const Koa = require('koa') as KoaModule;

after(closeServers);
beforeEach(() => telemetry.reset());

/** What every framework's application answers; the request's body is not read yet. */
type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<string>;
type Start = (answer: Answer, options?: RequestDeadlineOptions) => Promise<number>;

const frameworks: Record<string, Start> = {
  'node:http': (answer, options) =>
    serve(httpDeadline(async (request, response) => response.end(await answer(request, response)), options)),
  'Express 5': (answer, options) => serve(expressApplication(express5, answer, options)),
  'Express 4': (answer, options) => serve(expressApplication(express4, answer, options)),
  Fastify: async (answer, options) => {
    const application = fastify();
    await application.register(fastifyDeadline, options ?? {});
    // Not parsed, so that the handler can read it by itself.
    application.addContentTypeParser('*', (_request, _payload, done) => done(null));
    application.all('/', (request, reply) => answer(request.raw, reply.raw));
    await application.ready();
    return serve(application.routing as RequestListener);
  },
  Koa: (answer, options) => {
    const application = new Koa();
    application.use(koaDeadline(options));
    application.use(async (context) => {
      context.body = await answer(context.req, context.res);
    });
    return serve(application.callback());
  },
};

function expressApplication(
  express: typeof import('express'),
  answer: Answer,
  options: RequestDeadlineOptions | undefined,
): RequestListener {
  const application = express();
  application.use(expressDeadline(options));
  application.all('/', async (request, response) => void response.send(await answer(request, response)));
  return application;
}

const leftMs: Answer = async () => String(remainingMs() ?? 'none');

/** Answers with the name of the reason for which the signal aborted. */
const whyAborted: Answer = async () => {
  const signal = currentSignal();
  assert.ok(signal);
  // On a busy machine a limit has passed by now.
  if (!signal.aborted) await once(signal, 'abort');
  return (signal.reason as Error).name;
};

for (const [name, start] of Object.entries(frameworks)) {
  describe(`the middleware for ${name}, ${setup}`, () => {
    it('refuses with 400 what is malformed, too short or too long, and says what is accepted', async () => {
      const port = await start(leftMs, { mode: 'enforce', minMs: 10, maxMs: 1_000 });
      for (const [value, accepted] of [
        ['soon', 'whole milliseconds, 1 to 10 digits'],
        ['99999999999', 'whole milliseconds, 1 to 10 digits'],
        ['9', '10 to 1000 ms'],
        ['1001', '10 to 1000 ms'],
      ] as const) {
        const { response, body } = await ask(port, { 'timeout-ms': value });
        assert.equal(response.statusCode, 400, value);
        assert.match(String(response.headers['content-type']), /^application\/json/);
        const { error, ...refusal } = JSON.parse(body);
        assert.match(error, /^timeout-ms /);
        assert.deepEqual(refusal, { header: 'timeout-ms', value, accepted });
      }
      for (const value of ['10', '1000']) {
        const { response, body } = await ask(port, { 'timeout-ms': value });
        assert.equal(response.statusCode, 200, value);
        assert.ok(Number(body) <= Number(value));
      }
    });

    it('accepts 1 ms to 30 s when nothing is said', async () => {
      const port = await start(leftMs, { mode: 'enforce' });
      for (const [value, status] of [
        ['0', 400],
        ['1', 200],
        ['30000', 200],
        ['30001', 400],
      ] as const) {
        assert.equal((await ask(port, { 'timeout-ms': value })).response.statusCode, status, value);
      }
    });

    it('refuses a request without a deadline only when one is required', async () => {
      assert.equal((await ask(await start(leftMs, { mode: 'enforce' }))).response.statusCode, 200);
      const { response, body } = await ask(await start(leftMs, { mode: 'enforce', required: true }));
      assert.equal(response.statusCode, 400);
      assert.match(JSON.parse(body).accepted, /grpc-timeout.*1 to 30000 ms/);
    });

    it('observes without refusing, and cuts what is too long', async () => {
      const port = await start(leftMs, { minMs: 500, maxMs: 1_000 });
      assert.equal((await ask(port, { 'timeout-ms': 'soon' })).body, 'none');
      assert.ok(Number((await ask(port, { 'timeout-ms': '60000' })).body) <= 1_000);
      assert.ok(Number((await ask(port, { 'timeout-ms': '300' })).body) <= 300, 'nobody waits for longer');
      assert.equal((await ask(port)).body, 'none');
    });

    it('a listener that reads the body knows of the cut limit as well', async () => {
      const port = await start(
        (request) =>
          new Promise((resolve) => {
            request.resume().on('end', () => resolve(String(remainingMs() ?? 'none')));
          }),
        { maxMs: 1_000 },
      );
      const request = http.request({
        port,
        host: '127.0.0.1',
        method: 'POST',
        headers: { 'timeout-ms': '60000', 'content-type': 'application/octet-stream' },
      });
      request.write('first');
      setTimeout(() => request.end('last'), 30);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      assert.ok(Number(body) <= 1_000, body);
    });

    it('tells a deadline that passed', async () => {
      const port = await start(whyAborted);
      assert.equal((await ask(port, { 'timeout-ms': '40' })).body, 'TimeoutError');
    });

    it('tells a limit that was cut', async () => {
      const port = await start(whyAborted, { maxMs: 40 });
      assert.equal((await ask(port, { 'timeout-ms': '20000' })).body, 'TimeoutError');
    });

    it('from a client that left', async () => {
      let entered: () => void = () => {};
      const hasEntered = new Promise<void>((resolve) => {
        entered = resolve;
      });
      let told: (reason: string) => void = () => {};
      const reason = new Promise<string>((resolve) => {
        told = resolve;
      });
      const port = await start(async (request, response) => {
        setImmediate(entered);
        const name = await whyAborted(request, response);
        told(name);
        return name;
      });
      const request = http
        .get({ port, host: '127.0.0.1', headers: { 'timeout-ms': '20000' } })
        .on('error', () => {});
      await hasEntered;
      request.destroy();
      assert.equal(await reason, 'AbortError');
    });

    it('leaves no listener behind, and aborts nothing that ended well', async () => {
      const signals: AbortSignal[] = [];
      const responses: ServerResponse[] = [];
      const sockets = new Set<Socket>();
      const port = await start(async (request, response) => {
        const signal = currentSignal();
        assert.ok(signal);
        signals.push(signal);
        responses.push(response);
        sockets.add(request.socket);
        return 'done';
      });
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const listenersOf = (socket: Socket | undefined): number =>
        socket?.eventNames().reduce((sum, event) => sum + socket.listenerCount(event), 0) ?? Number.NaN;
      const counts: number[] = [];
      for (let count = 0; count < 12; count++) {
        const request = http.get({ port, host: '127.0.0.1', agent, headers: { 'timeout-ms': '400' } });
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        await once(response.resume(), 'end');
        counts.push(listenersOf([...sockets][0]));
      }
      agent.destroy();
      assert.equal(sockets.size, 1, 'one connection for all of them');
      assert.equal(counts.at(-1), counts[0], counts.join());
      await delay(450);
      assert.ok(signals.every(({ aborted }) => !aborted));
      assert.ok(signals.every((signal) => getEventListeners(signal, 'abort').length === 0));
      assert.ok(
        responses.every((response) => response.listenerCount('close') <= 1),
        'of the framework at most',
      );
    });
  });
}

it('a middleware refuses options that make no sense', () => {
  assert.throws(() => httpDeadline(() => {}, { minMs: 10, maxMs: 5 }), RangeError);
  assert.throws(() => koaDeadline({ minMs: -1 }), RangeError);
  assert.throws(() => expressDeadline({ mode: 'enforced' as 'enforce' }), TypeError);
});
