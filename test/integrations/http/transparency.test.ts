import assert from 'node:assert/strict';
import { type EventEmitter, getEventListeners, once, setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import { Telemetry } from '../../support/telemetry.ts';
import { closed, event, type Handler, HttpLab, read, responseTo } from './lab.ts';

const kNewListener = Object.getOwnPropertySymbols(AbortSignal.prototype).find(
  ({ description }) => description === 'kNewListener',
);
assert.ok(kNewListener, 'Node still has the method by which the signal of a request is known');

/** Whatever is replaced, and some of what is not. */
const targets: readonly [object, PropertyKey][] = [
  [AbortSignal.prototype, kNewListener],
  [http.Agent.prototype, 'addRequest'],
  [http.Agent.prototype, 'destroy'],
  [https.Agent.prototype, 'addRequest'],
  [http.Server.prototype, 'closeAllConnections'],
  [https.Server.prototype, 'closeAllConnections'],
  [net.Socket.prototype, '_destroy'],
  [net.Socket.prototype, '_onTimeout'],
  ...['onSocket', '_implicitHeader', 'setTimeout', 'destroy', 'emit', 'abort'].map(
    (key) => [http.ClientRequest.prototype, key] as [object, string],
  ),
  ...['_destroy', 'emit'].map((key) => [http.IncomingMessage.prototype, key] as [object, string]),
  ...['emit', 'destroy', 'end'].map((key) => [http.ServerResponse.prototype, key] as [object, string]),
];
const before = targets.map(([target, key]) => Object.getOwnPropertyDescriptor(target, key));
const visible = targets.map(([target, key]) => looks(Reflect.get(target, key)));
/** Event sequences as they are without us: recorded before anything is replaced. */
const lab = new HttpLab();
const plainSequences = await recordAll();
const telemetry = new Telemetry('alone');
const { instrumentation } = telemetry;

describe('node:http does not show that it is watched', () => {
  after(() => lab.close());

  it('replaced functions keep their name, length and property descriptor', () => {
    targets.forEach(([target, key], index) => {
      assert.deepEqual(looks(Reflect.get(target, key)), visible[index], String(key));
      const descriptor = Object.getOwnPropertyDescriptor(target, key);
      const original = before[index];
      if (original === undefined) return;
      const { enumerable, configurable, writable } = original;
      assert.deepEqual(
        { ...descriptor, value: 0 },
        { enumerable, configurable, writable, value: 0 },
        String(key),
      );
    });
  });

  for (const [name, sequences] of plainSequences) {
    it(`events are the same: ${name}`, async () => {
      assert.deepEqual(await record(name), sequences);
    });
  }

  it('methods return what they returned', async () => {
    const { at } = await lab.serve(() => {});
    const request = lab.http.get(at);
    const end = closed(request);
    assert.equal(request.setTimeout(10_000), request);
    assert.equal(request.emit('nobody hears this'), false);
    assert.equal(request.destroy(), request);
    assert.equal(request.destroy(), request);
    await end;
  });

  it('objects have no keys more', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    const keys = async (): Promise<string[]> => {
      const request = lab.http.get(at);
      await read(request);
      return Object.keys(request);
    };
    const watched = await keys();
    instrumentation.disable();
    const plain = await keys();
    instrumentation.enable();
    assert.deepEqual(watched, plain);
  });

  it('listeners of a server stay its own', async () => {
    const calls: string[] = [];
    const answer: Handler = (_request, response) => {
      calls.push('answer');
      response.end();
    };
    function first(): void {
      calls.push('first');
    }
    function onlyOnce(): void {
      calls.push('once');
    }
    const { at, server } = await lab.serve(first);
    server.once('request', onlyOnce);
    server.on('request', answer);
    await read(lab.http.get(at));
    assert.deepEqual(calls.splice(0), ['first', 'once', 'answer']);
    assert.deepEqual(server.listeners('request'), [first, answer]);
    assert.equal(server.listenerCount('request'), 2);
    assert.equal(server.listenerCount('request', answer), 1);
    assert.deepEqual(server.rawListeners('request').map(looks), [first, answer].map(looks));
    server.prependOnceListener('request', onlyOnce);
    server.once('request', onlyOnce);
    server.removeListener('request', onlyOnce);
    server.removeListener('request', first);
    await read(lab.http.get(at));
    assert.deepEqual(calls.splice(0), ['once', 'answer']);
    assert.deepEqual(server.listeners('request'), [answer]);
    server.off('request', answer);
    assert.deepEqual(server.listeners('request'), []);
  });

  it('a listener is called with its server and with what was emitted', async () => {
    const seen = event<unknown[]>();
    const { at, server } = await lab.serve(function (this: unknown, ...args: unknown[]) {
      seen.resolve([this, ...args]);
      (args[1] as http.ServerResponse | null)?.end();
    } as unknown as Handler);
    await read(lab.http.get(at));
    const [self, request, response, ...more] = await seen.promise;
    assert.equal(self, server);
    assert.ok(request instanceof lab.http.IncomingMessage);
    assert.ok(response instanceof lab.http.ServerResponse);
    assert.equal(more.length, 0);
    assert.equal(server.emit('request', { fake: true }, null), true);
  });

  it('what is queued in an agent by hand is left alone', () => {
    telemetry.reset();
    const agent = new lab.http.Agent();
    agent.maxSockets = 0;
    const stub = { getHeader: () => undefined };
    // As old agents were called; the second is the port, and the request has no path.
    Reflect.apply(Reflect.get(agent, 'addRequest'), agent, [stub, '127.0.0.1', 8080]);
    assert.deepEqual(Reflect.ownKeys(agent.requests), ['127.0.0.1:8080:']);
    assert.deepEqual(telemetry.diagnostics, []);
    assert.equal(telemetry.open.size, 0);
  });

  it('no listener is left on a signal that lives long', async () => {
    const { at } = await lab.serve((_request, response) => response.end());
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const count = (): number => getEventListeners(signal, 'abort').length;
    const requests = Array.from({ length: 20 }, () => lab.http.get({ ...at, signal }));
    assert.equal(count(), 20);
    await Promise.all(requests.map((request) => Promise.all([read(request), once(request, 'close')])));
    assert.equal(count(), 0);
  });

  it('Error.stackTraceLimit is as it was after a cancel', async () => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 3;
    try {
      const { at } = await lab.serve(() => {});
      const request = lab.http.get({ ...at, timeout: 10_000 });
      const end = closed(request);
      request.destroy();
      assert.equal(Error.stackTraceLimit, 3);
      await end;
    } finally {
      Error.stackTraceLimit = limit;
    }
  });

  it('disable() restores every function, and what is in flight goes on', async () => {
    const handled = event<http.ServerResponse>();
    const { at } = await lab.serve((request, response) => {
      if (request.url === '/hang') handled.resolve(response);
      else response.end();
    });
    const request = lab.http.get({ ...at, path: '/hang' });
    const response = await handled.promise;
    instrumentation.disable();
    targets.forEach(([target, key], index) => {
      assert.deepEqual(Object.getOwnPropertyDescriptor(target, key), before[index], String(key));
    });
    response.end();
    await read(request);
    telemetry.reset();
    await read(lab.http.get(at));
    assert.equal(telemetry.ended.length + telemetry.open.size, 0, 'nothing is recorded');
    instrumentation.enable();
    await read(lab.http.get(at));
    await telemetry.allEnded();
    assert.equal(telemetry.ended.length, 2, 'one span on each side');
  });
});

function looks(value: unknown): unknown {
  assert.equal(typeof value, 'function');
  const { name, length } = value as { name: string; length: number };
  return { name, length };
}

type Sequences = Record<string, string[]>;

function scenarios(name: string): Record<string, (watch: Watch) => Promise<unknown>> {
  type GiveUp = (request: http.ClientRequest, controller: AbortController) => unknown;
  const client =
    (handler: Handler, giveUp: GiveUp, options: http.RequestOptions = {}) =>
    async (watch: Watch): Promise<void> => {
      const { at } = await lab.serve(handler);
      const controller = new AbortController();
      const request = lab.http.get({ ...at, ...options, signal: controller.signal });
      watch('request', request);
      request.on('response', (response) => watch('response', response).on('error', () => {}));
      const end = closed(request);
      await giveUp(request, controller);
      await end;
      await new Promise(setImmediate);
    };
  const server = (handler: Handler, then: (client: net.Socket) => unknown) => async (watch: Watch) => {
    const over = event();
    const { port, server: listening } = await lab.serve((request, response) => {
      watch('request', request).on('error', () => {});
      watch('response', response).on('close', () => over.resolve());
      // Its end is the client's business when the answer was complete.
      if (name !== 'a normal answer') watch('socket', request.socket);
      handler(request, response);
    });
    const socket = await lab.connectRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    socket.resume();
    await once(listening, 'request');
    await then(socket);
    await over.promise;
    socket.destroy();
    await new Promise(setImmediate);
  };
  const silent: Handler = () => {};
  const half: Handler = (_request, response) =>
    response.writeHead(200, { 'content-length': 9 }).write('half');
  const inBody =
    (
      giveUp: (
        response: http.IncomingMessage,
        request: http.ClientRequest,
        controller: AbortController,
      ) => unknown,
    ): GiveUp =>
    async (request, controller) => {
      const response = await responseTo(request);
      await once(response, 'data');
      await giveUp(response, request, controller);
    };
  return {
    success: client(
      (_request, response) => response.end('body'),
      async (request) => {
        (await responseTo(request)).resume();
      },
    ),
    'destroy() before there is a socket': client(silent, (request) => request.destroy()),
    'abort() before there is a socket': client(silent, (_request, controller) => controller.abort()),
    'destroy() while waiting': client(silent, async (request) => {
      await once(request, 'finish');
      request.destroy();
    }),
    'signal while waiting': client(silent, async (request, controller) => {
      await once(request, 'finish');
      controller.abort();
    }),
    'signal in the body': client(
      half,
      inBody((_response, _request, controller) => controller.abort()),
    ),
    'request.destroy() in the body': client(
      half,
      inBody((_response, request) => request.destroy()),
    ),
    'response.destroy()': client(
      half,
      inBody((response) => response.destroy()),
    ),
    'for await … break': client(half, async (request) => {
      for await (const _chunk of await responseTo(request)) break;
    }),
    'timeout option': client(
      silent,
      async (request) => {
        await once(request, 'timeout');
        request.destroy();
      },
      { timeout: 100 },
    ),
    'the server resets': client(
      (request) => request.socket.resetAndDestroy(),
      () => {},
    ),
    'the server closes': client(
      (request) => request.socket.end(),
      () => {},
    ),
    'socket.destroy() of the client': client(silent, async (request) => {
      await once(request, 'finish');
      request.socket?.destroy();
    }),
    'the client closes': server(silent, (socket) => socket.end()),
    'the client resets': server(silent, (socket) => socket.resetAndDestroy()),
    'the handler destroys the response': server(
      (_request, response) => response.destroy(),
      () => {},
    ),
    'the handler destroys the request': server(
      (request) => request.destroy(),
      () => {},
    ),
    'the handler destroys the socket': server(
      (request) => request.socket.destroy(),
      () => {},
    ),
    'a socket timeout': server(
      (request) => request.setTimeout(20),
      () => {},
    ),
    'a normal answer': server(
      (_request, response) => response.end('body'),
      () => {},
    ),
  };
}

type Watch = <E extends EventEmitter>(name: string, emitter: E) => E;

async function record(name: string): Promise<Sequences> {
  const sequences: Sequences = {};
  await scenarios(name)[name]?.((label, emitter) => {
    const events: string[] = [];
    sequences[label] = events;
    const prototype = Object.getPrototypeOf(emitter) as EventEmitter;
    Object.defineProperty(emitter, 'emit', {
      configurable: true,
      value(this: EventEmitter, ...args: [string, ...unknown[]]) {
        const { code } = (args[1] ?? {}) as { code?: string };
        if (args[0] !== 'newListener')
          events.push(code === undefined ? String(args[0]) : `${args[0]} ${code}`);
        return Reflect.apply(prototype.emit, this, args);
      },
    });
    return emitter;
  });
  return sequences;
}

async function recordAll(): Promise<Map<string, Sequences>> {
  const all = new Map<string, Sequences>();
  for (const name of Object.keys(scenarios(''))) all.set(name, await record(name));
  return all;
}
