import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { getEventListeners, getMaxListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { rejection, userLeaves } from './fetch-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';
import { startUndiciServer } from './server.ts';

const CHANNELS = [
  'undici:request:create',
  'undici:request:bodySent',
  'undici:request:headers',
  'undici:request:trailers',
  'undici:request:error',
  'undici:client:sendHeaders',
  'undici:client:beforeConnect',
].map((name) => channel(name));

const before = {
  fetch: Object.getOwnPropertyDescriptor(globalThis, 'fetch'),
  connect: Object.getOwnPropertyDescriptor(Socket.prototype, 'connect'),
};
const original = globalThis.fetch;
const telemetry = new Telemetry('alone');
const { instrumentation } = telemetry;
const server = await startUndiciServer();
after(() => server.close());
const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));
const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));

describe('fetch() and undici look as without us', () => {
  afterEach(() => {
    assert.deepEqual(rejections, []);
    assert.deepEqual(warnings, []);
    assert.deepEqual(telemetry.diagnostics, []);
    telemetry.reset();
  });

  it('fetch has the name, the length, the descriptor and the properties of the original', () => {
    assert.notEqual(globalThis.fetch, original);
    assert.equal(globalThis.fetch.name, original.name);
    assert.equal(globalThis.fetch.length, original.length);
    assert.deepEqual(
      Object.getOwnPropertyNames(globalThis.fetch).sort(),
      Object.getOwnPropertyNames(original).sort(),
    );
    const { value: _, ...attributes } = before.fetch as PropertyDescriptor;
    const { value: __, ...now } = Object.getOwnPropertyDescriptor(globalThis, 'fetch') as PropertyDescriptor;
    assert.deepEqual(now, attributes);
  });

  it('what was given to a fetch() that is over is collected, though its connection stays', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { signal } = new AbortController();
    const own = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    after(() => own.closeAllConnections());
    after(() => own.close());
    await once(own, 'listening');
    const { port } = own.address() as AddressInfo;
    // Connections keep the context in which they were opened.
    await (async () => {
      for (let count = 0; count < 3; count++)
        await (await fetch(`http://127.0.0.1:${port}`, { signal })).text();
    })();
    for (let round = 0; round < 50 && getEventListeners(signal, 'abort').length > 0; round++) {
      await delay(10);
      collect();
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('the stream that undici.stream() writes to has no property more, as far as it is looked at', async () => {
    for (const version of undiciVersions()) {
      const { undici, agent } = loadUndici(version);
      const sink = new PassThrough().resume();
      const keys = Object.keys(sink);
      await undici.stream(
        `${server.origin}/status/200?close`,
        { method: 'GET', dispatcher: agent },
        () => sink,
      );
      assert.deepEqual(Object.keys(sink), keys, version);
    }
  });

  it('nor have the streams of undici.pipeline()', async () => {
    for (const version of undiciVersions()) {
      const { undici, agent } = loadUndici(version);
      const given: object[] = [];
      const options = { method: 'GET', dispatcher: agent } as const;
      const duplex = undici.pipeline(`${server.origin}/status/200?close`, options, ({ body }) => {
        given.push(body);
        return body;
      });
      for await (const _chunk of duplex.end());
      assert.equal(given.length, 1);
      for (const stream of [duplex, ...given]) assert.ok(!Object.keys(stream).includes('destroy'), version);
    }
  });

  it('fetch() without or with wrong arguments fails as before', async () => {
    const fails = async (fetch: unknown, ...args: unknown[]) =>
      rejection((async () => (fetch as (...args: unknown[]) => unknown)(...args))()).then(String);
    for (const args of [
      [],
      ['no url'],
      ['http://x', 5],
      ['http://x', { signal: 'no signal' }],
      [Symbol('x')],
    ]) {
      assert.equal(await fails(globalThis.fetch, ...args), await fails(original, ...args));
    }
  });

  it('what is thrown is the very reason', async () => {
    for (const reason of [new Error('own'), 'text', null, 0, { some: 'object' }]) {
      const controller = new AbortController();
      const seen = server.seen('/hang/1');
      const promise = rejection(fetch(`${server.origin}/hang/1`, { signal: controller.signal }));
      await seen;
      controller.abort(reason);
      assert.equal(await promise, reason);
    }
    await server.idle();
  });

  it('what the application gives is read once, by fetch() alone', async () => {
    const read: string[] = [];
    const note = <T>(key: string, value: T): T => {
      read.push(key);
      return value;
    };
    class Init {
      readonly #method = 'POST';
      readonly controller = new AbortController();
      get method(): string {
        return note('method', this.#method);
      }
      get signal(): AbortSignal {
        return note('signal', this.controller.signal);
      }
    }
    const keys = ['signal', 'method', 'dispatcher'];
    const observed = (init: RequestInit): RequestInit =>
      new Proxy(init, {
        get: (target, key) =>
          keys.includes(String(key)) ? note(String(key), Reflect.get(target, key)) : Reflect.get(target, key),
      });
    const uses = [
      async (fetch: typeof globalThis.fetch) => (await fetch(server.origin, new Init())).text(),
      async (fetch: typeof globalThis.fetch) =>
        (await fetch(server.origin, observed({ signal: new AbortController().signal }))).text(),
      async (fetch: typeof globalThis.fetch) => {
        const init = new Init();
        const seen = server.seen('/hang/init');
        const promise = rejection(fetch(`${server.origin}/hang/init`, init));
        await seen;
        userLeaves(init.controller, 'enough');
        assert.equal(await promise, 'enough');
      },
    ];
    for (const use of uses) {
      await use(original);
      const expected = read.splice(0);
      await use(globalThis.fetch);
      assert.deepEqual(read.splice(0), expected);
    }
    await telemetry.allEnded();
    const [span] = telemetry.ended
      .filter(({ attributes }) => attributes['url.path'] === '/hang/init')
      .slice(-1);
    assert.ok(span);
    const left = telemetry.ended.filter(({ attributes }) => 'context.canceled' in attributes);
    assert.ok(left.some(({ attributes }) => attributes['cancel.reason'] === 'enough'));
  });

  it('a getter that throws fails as before, however often', async () => {
    const init = {
      get signal(): AbortSignal {
        throw new Error('of the getter');
      },
    };
    for (let round = 0; round < 12; round++) {
      assert.match(String(await rejection(fetch(server.origin, init))), /of the getter/);
    }
    await (await fetch(server.origin)).text();
    await telemetry.allEnded();
    assert.ok(telemetry.ended.length > 0, 'it is still switched on');
  });

  it('a data: URL is fetched, and leaves no listener', async () => {
    const { signal } = new AbortController();
    assert.equal(await (await fetch('data:text/plain,hello', { signal })).text(), 'hello');
    await new Promise(setImmediate);
    // The original's go when its Request is collected.
    assert.ok(getEventListeners(signal, 'abort').length <= Math.max(1, await listenersLeft()));
    assert.equal(telemetry.ended.length, 0);
  });

  /** How many listeners the original leaves on a signal of a fetch that is over. */
  async function listenersLeft(): Promise<number> {
    const { signal } = new AbortController();
    await (await original('data:,', { signal })).text();
    return getEventListeners(signal, 'abort').length;
  }

  it('a signal that 60 fetches share has no listener of ours, and no other limit of listeners', async () => {
    const { signal } = new AbortController();
    const promises = Array.from({ length: 60 }, () => fetch(`${server.origin}/late`, { signal }));
    const during = getEventListeners(signal, 'abort').length;
    const limit = getMaxListeners(signal);
    instrumentation.disable();
    const { signal: other } = new AbortController();
    const plain = Array.from({ length: 60 }, () => fetch(`${server.origin}/late`, { signal: other }));
    instrumentation.enable();
    const [plainly, plainLimit] = [getEventListeners(other, 'abort').length, getMaxListeners(other)];
    await Promise.all([...promises, ...plain].map(async (promise) => (await promise).text()));
    assert.deepEqual([during, limit], [plainly, plainLimit]);
  });

  for (const { name, undici, agent } of undiciVersions().map(loadUndici)) {
    it(`${name}: ten requests on one signal set off no warning, and have no listener of ours`, async () => {
      const { signal } = new AbortController();
      const limit = getMaxListeners(signal);
      const requests = Array.from({ length: 10 }, () =>
        undici.request(`${server.origin}/late`, { signal, dispatcher: agent }),
      );
      assert.equal(getEventListeners(signal, 'abort').length, 10);
      assert.equal(getMaxListeners(signal), limit);
      for (const request of requests) await (await request).body.text();
      await new Promise(setImmediate);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      assert.equal(getMaxListeners(signal), limit);
    });

    it(`${name}: a refused or mocked request leaves no listener`, async () => {
      const { signal } = new AbortController();
      const mock = new undici.MockAgent();
      mock.disableNetConnect();
      mock.get('http://mocked').intercept({ path: '/' }).reply(200, 'mocked');
      const { body } = await undici.request('http://mocked/', { dispatcher: mock, signal });
      assert.equal(await body.text(), 'mocked');
      await mock.close();
      const client = new undici.Client(server.origin);
      await client.destroy();
      await rejection(client.request({ path: '/', method: 'GET', signal }));
      await rejection(undici.request(`${server.refusedOrigin}/`, { signal, dispatcher: agent }));
      await new Promise(setImmediate);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      await agent.destroy();
    });
  }

  it('trace context goes out with the request, and the span is a child of the active one', async () => {
    let sent: unknown;
    const subscriber = (message: unknown) => {
      sent = (message as { headers: string }).headers;
    };
    channel('undici:client:sendHeaders').subscribe(subscriber);
    const parent = await trace.getTracer('test').startActiveSpan('parent', async (span) => {
      await (await fetch(`${server.origin}/`)).text();
      span.end();
      return span.spanContext();
    });
    channel('undici:client:sendHeaders').unsubscribe(subscriber);
    await telemetry.allEnded();
    const spans = telemetry.ended;
    const client = spans.find(({ kind }) => kind === SpanKind.CLIENT);
    const incoming = spans.find(({ kind }) => kind === SpanKind.SERVER);
    assert.equal(client?.parentSpanContext?.spanId, parent.spanId);
    assert.equal(incoming?.parentSpanContext?.spanId, client?.spanContext().spanId);
    assert.match(
      String(sent),
      new RegExp(`traceparent: 00-${parent.traceId}-${client?.spanContext().spanId}-01`),
    );
    assert.ok(propagation.fields().includes('traceparent'));
  });

  it('trace context takes the place of one that is passed on', async () => {
    const headers = { TraceParent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, 'x-one': '1' };
    const asks = undiciVersions().flatMap((version) => {
      const { undici, agent, fetch: fetchOf } = loadUndici(version);
      const list = Object.entries(headers).flat();
      return [
        () => fetchOf(`${server.origin}/`, { headers }),
        async () => (await undici.request(`${server.origin}/`, { headers, dispatcher: agent })).body.text(),
        async () =>
          (await undici.request(`${server.origin}/`, { headers: list, dispatcher: agent })).body.text(),
      ];
    });
    for (const ask of [() => fetch(`${server.origin}/`, { headers }), ...asks]) {
      telemetry.reset();
      await ask();
      await telemetry.allEnded();
      const client = telemetry.ended.find(({ kind }) => kind === SpanKind.CLIENT);
      const incoming = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
      assert.ok(client && incoming);
      assert.equal(incoming.parentSpanContext?.spanId, client.spanContext().spanId);
    }
  });

  it('nothing is recorded where tracing is suppressed', async () => {
    const key = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
    const { signal } = new AbortController();
    await context.with(context.active().setValue(key, true), async () => {
      await (await fetch(`${server.origin}/`, { signal })).text();
      await rejection(fetch(`${server.origin}/`, { signal: AbortSignal.abort() }));
    });
    await telemetry.allEnded();
    assert.equal(telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT).length, 0);
  });

  it('disable() puts everything back', () => {
    instrumentation.disable();
    assert.deepEqual(Object.getOwnPropertyDescriptor(globalThis, 'fetch'), before.fetch);
    assert.deepEqual(Object.getOwnPropertyDescriptor(Socket.prototype, 'connect'), before.connect);
    for (const one of CHANNELS) {
      assert.ok(!Object.hasOwn(one, 'publish'), String(one.name));
      assert.ok(!one.hasSubscribers, String(one.name));
    }
    instrumentation.enable();
    assert.notEqual(globalThis.fetch, original);
  });

  it('where somebody wrapped on top, disable() leaves what does nothing', async () => {
    const ours = globalThis.fetch;
    globalThis.fetch = (...args) => ours(...args);
    instrumentation.disable();
    assert.notEqual(globalThis.fetch, original);
    await (await fetch(`${server.origin}/`, { signal: new AbortController().signal })).text();
    await telemetry.allEnded();
    assert.equal(telemetry.ended.length, 0);
    globalThis.fetch = original;
    assert.ok(instrumentation instanceof CancellationInstrumentation);
  });
});
