import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan } from '../../support/contract.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { aborted, rejection, unmarked, userLeaves } from './fetch-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';
import { startUndiciServer } from './server.ts';

const telemetry = new Telemetry('alone');
const server = await startUndiciServer();
after(() => server.close());
const clients = (): ReadableSpan[] => telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('fetch()', () => {
  beforeEach(() => telemetry.reset());

  it('a redirect has a span for each request; the one that is aborted is marked', async () => {
    const controller = new AbortController();
    const seen = server.seen('/hang/4');
    const promise = rejection(fetch(`${server.origin}/redirect/hang/4`, { signal: controller.signal }));
    await seen;
    userLeaves(controller);
    await promise;
    await server.idle();
    await telemetry.allEnded();
    const [first, second, ...others] = clients();
    assert.ok(first && second && others.length === 0);
    checkSpan(first, { ...unmarked, attributes: { 'http.response.status_code': 302 } }, 'CLIENT');
    checkSpan(second, { ...aborted, phase: 'wait', origin: 'userLeaves' }, 'CLIENT');
  });

  it('the span ends when the application is told, not when the connection fails', async () => {
    const controller = new AbortController();
    const promise = rejection(fetch(`${server.silentOrigin}/`, { signal: controller.signal }));
    await server.spokenTo();
    userLeaves(controller);
    await promise;
    const [span] = clients();
    assert.ok(span);
    checkSpan(span, { ...aborted, phase: 'tls', origin: 'userLeaves' }, 'CLIENT');
  });

  it('a signal that is aborted already makes a span of no length', async () => {
    await rejection(fetch(`${server.origin}/`, { signal: AbortSignal.abort('early') }));
    const [span, ...others] = clients();
    assert.ok(span && others.length === 0);
    assert.ok(span.duration[0] === 0 && span.duration[1] < 100e6, `lasted ${span.duration}`);
  });

  it('a body that nobody reads is given up when it is collected', async () => {
    await (async () => {
      const response = await fetch(`${server.origin}/body`);
      assert.equal(response.status, 200);
    })();
    for (let round = 0; round < 100 && clients().length === 0; round++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [span] = clients();
    assert.ok(span, 'the span has ended');
    checkSpan(
      span,
      {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'body_cancel',
        phase: 'receive',
        reason: 'Response object has been garbage collected',
        origin: null,
      },
      'CLIENT',
    );
    await server.idle();
  });

  it('aborted by a handler whose own client left is inherited', async () => {
    const gateway = http.createServer((request, response) => {
      const controller = new AbortController();
      request.on('close', () => {});
      response.on('close', () => userLeaves(controller, new Error('client gone')));
      fetch(`${server.origin}/hang/9`, { signal: controller.signal }).catch(() => {});
    });
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    const seen = server.seen('/hang/9');
    const { port } = gateway.address() as AddressInfo;
    const controller = new AbortController();
    const promise = rejection(fetch(`http://127.0.0.1:${port}/outer`, { signal: controller.signal }));
    await seen;
    userLeaves(controller);
    await promise;
    await server.idle();
    await telemetry.allEnded();
    gateway.closeAllConnections();
    gateway.close();
    const inner = clients().find(({ attributes }) => attributes['url.path'] === '/hang/9');
    const owner = telemetry.ended.find(
      ({ kind, attributes }) => kind === SpanKind.SERVER && attributes['url.path'] === '/outer',
    );
    assert.ok(inner && owner);
    checkSpan(
      inner,
      {
        outcome: 'context.canceled',
        initiator: 'inherited',
        trigger: 'abort',
        phase: 'wait',
        attributes: { 'cancel.cause.span_id': owner.spanContext().spanId },
      },
      'CLIENT',
    );
  });
});

for (const { name, undici, agent } of undiciVersions().map(loadUndici)) {
  describe(`the package, ${name}`, () => {
    const { Agent, Client, RetryAgent } = undici;
    beforeEach(() => telemetry.reset());
    after(() => agent.destroy());

    it('what is left of a redirect is ended by nobody', async () => {
      if (name !== 'undici8') return; // it leaves such an answer open
      for (const redirect of ['follow', 'error'] as const) {
        telemetry.reset();
        const url = `${server.origin}/endless-redirect/status/204`;
        await undici.fetch(url, { redirect, dispatcher: agent }).catch(() => {});
        await server.idle();
        await telemetry.allEnded();
        const hops = clients();
        assert.deepEqual(
          hops.map(({ attributes }) => attributes['http.response.status_code']),
          redirect === 'follow' ? [302, 204] : [302],
        );
        for (const span of hops) checkSpan(span, { ...unmarked, status: 'unset' }, 'CLIENT');
      }
    });

    it('the signal of a fetch() that follows no redirect is not that of what its connection is asked next', async () => {
      const dispatcher = new Agent({ connections: 1 });
      const controller = new AbortController();
      const options = { dispatcher, redirect: 'manual', signal: controller.signal } as const;
      await (await undici.fetch(`${server.origin}/redirect/status/200`, options)).text();
      const ask = (path: string, next: () => void) => {
        const handlerOfOld = { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: next };
        const handler = { ...handlerOfOld, onRequestStart() {}, onResponseStart() {}, onResponseEnd: next };
        const ended = { onError() {}, onResponseError() {}, onResponseData() {} };
        dispatcher.dispatch({ origin: server.origin, path, method: 'GET' }, { ...handler, ...ended });
      };
      const seen = server.seen('/hang/next');
      // In the callback of a connection it is the context of the fetch() that has opened it.
      ask('/', () => ask('/hang/next', () => {}));
      await seen;
      userLeaves(controller, 'too late');
      await dispatcher.destroy();
      await telemetry.allEnded();
      const span = clients().find(({ attributes }) => attributes['url.path'] === '/hang/next');
      assert.equal(span?.attributes['cancel.trigger'], 'destroy');
    });

    it('a RetryAgent has a span for each attempt', async () => {
      const dispatcher = new RetryAgent(new Agent(), { minTimeout: 10, maxRetries: 2 });
      const path = `/once/${name}`;
      const { statusCode, body } = await undici.request(`${server.origin}${path}`, { dispatcher });
      assert.equal(statusCode, 200);
      await body.text();
      await dispatcher.destroy();
      await telemetry.allEnded();
      const spans = clients();
      assert.deepEqual(
        spans.map(({ attributes }) => attributes['http.response.status_code']),
        [503, 200],
      );
      for (const span of spans) checkSpan(span, unmarked, 'CLIENT');
    });

    it('the second attempt of a RetryAgent can be aborted', async () => {
      const dispatcher = new RetryAgent(new Agent(), { minTimeout: 10, maxRetries: 2, statusCodes: [500] });
      const controller = new AbortController();
      const requests = http.createServer((_request, response) => {
        if (clients().length === 0) response.writeHead(500).end();
        else userLeaves(controller, 'no more');
      });
      requests.listen(0, '127.0.0.1');
      await once(requests, 'listening');
      const { port } = requests.address() as AddressInfo;
      await rejection(undici.request(`http://127.0.0.1:${port}/`, { dispatcher, signal: controller.signal }));
      await dispatcher.destroy();
      await telemetry.allEnded();
      requests.close();
      const [first, second] = clients();
      assert.ok(first && second);
      checkSpan(first, unmarked, 'CLIENT');
      checkSpan(second, { ...aborted, phase: 'wait', reason: 'no more', origin: 'userLeaves' }, 'CLIENT');
    });

    it('HTTP/2 requests are aborted while they wait and while they receive', async () => {
      const h2 = http2.createServer();
      h2.on('sessionError', () => {});
      h2.on('stream', (stream, headers) => {
        stream.on('error', () => {});
        if (headers[':path'] === '/body') {
          stream.respond();
          stream.write('first');
        } else if (headers[':path'] === '/ok') {
          stream.respond();
          stream.end('ok');
        } else {
          waiting();
        }
      });
      let waiting = (): void => {};
      h2.listen(0, '127.0.0.1');
      await once(h2, 'listening');
      const { port } = h2.address() as AddressInfo;
      // Without TLS only a connector can say that the server speaks HTTP/2.
      const plain = undici.buildConnector({});
      const client = new Client(`http://127.0.0.1:${port}`, {
        allowH2: true,
        connect(options, callback) {
          plain(options, (error, socket) => {
            if (socket === null) return callback(error as Error, null);
            callback(null, Object.assign(socket, { alpnProtocol: 'h2' }) as never);
          });
        },
      });
      const ok = await client.request({ path: '/ok', method: 'GET' });
      assert.equal(await ok.body.text(), 'ok');
      const first = new AbortController();
      const waits = new Promise<void>((resolve) => {
        waiting = resolve;
      });
      const promise = rejection(client.request({ path: '/hang', method: 'GET', signal: first.signal }));
      await waits;
      userLeaves(first, 'one');
      await promise;
      const second = new AbortController();
      const { body } = await client.request({ path: '/body', method: 'GET', signal: second.signal });
      userLeaves(second, 'two');
      await rejection(body.text());
      await client.destroy();
      h2.close();
      await telemetry.allEnded();
      const byPath = (path: string) => clients().find(({ attributes }) => attributes['url.path'] === path);
      const [plainSpan, waitSpan, bodySpan] = ['/ok', '/hang', '/body'].map(byPath);
      assert.ok(plainSpan && waitSpan && bodySpan);
      checkSpan(plainSpan, unmarked, 'CLIENT');
      checkSpan(waitSpan, { ...aborted, phase: 'wait', reason: 'one', origin: 'userLeaves' }, 'CLIENT');
      checkSpan(bodySpan, { ...aborted, phase: 'receive', reason: 'two', origin: 'userLeaves' }, 'CLIENT');
    });
  });
}
