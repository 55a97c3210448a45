/** Deadlines and cancels that are passed on by every client of HTTP, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { detached } from '../../src/index.ts';
import { loadUndici, undiciVersions } from '../integrations/undici/library.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, {
  propagate: { httpDeadline: 'Connect-Timeout-Ms', grpcDeadline: true, marginMs: 10, cancel: true },
});
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { Http2Lab } = await import('../integrations/http2/lab.ts');
const { connectClient, ConnectService, PROTOCOLS } = await import('../integrations/http2/connect-service.ts');
const { default: http } = await import('node:http');
const { default: http2 } = await import('node:http2');

const HEADER = 'connect-timeout-ms';
const lab = new Http2Lab();
const undos: (() => unknown)[] = [];
after(async () => {
  for (const undo of undos) await undo();
  closeServers();
  await lab.close();
});
beforeEach(() => telemetry.reset());

/** Called with a promise of its end when the backend gets a request that it never answers. */
let onSlow: (ended: Promise<unknown>) => void = () => {};

/** How often the header came, and with which value. */
const backend = await serve((request, response) => {
  if (request.url === '/slow') return onSlow(once(response, 'close'));
  response.end(JSON.stringify(request.headersDistinct[HEADER] ?? []));
});
const h2Backend = await lab.serve(({ stream, headers }) => {
  if (headers[':path'] === '/slow') return onSlow(once(stream, 'close'));
  stream.respond({ ':status': 200 });
  // Node joins what comes twice.
  stream.end(JSON.stringify(headers[HEADER] === undefined ? [] : String(headers[HEADER]).split(', ')));
});
const session: ClientHttp2Session = http2.connect(`http://127.0.0.1:${h2Backend.port}`);
undos.push(() => session.destroy());

type Headers = Record<string, string> | string[];
interface Client {
  readonly name: string;
  /** Asks the backend; returns the body. */
  readonly ask: (path: string, headers?: Headers, signal?: AbortSignal) => Promise<string>;
  readonly trigger: 'abort' | 'destroy';
}

const origin = `http://127.0.0.1:${backend}`;
const clients: Client[] = [
  {
    name: 'node:http',
    trigger: 'destroy',
    ask: async (path, headers = {}, signal) => {
      const request = http.get({
        port: backend,
        host: '127.0.0.1',
        path,
        headers,
        ...(signal && { signal }),
      });
      const [answer] = await once(request, 'response');
      return text(answer);
    },
  },
  {
    name: 'fetch()',
    trigger: 'abort',
    ask: async (path, headers, signal) => {
      const pairs = Array.isArray(headers) ? { [String(headers[0])]: String(headers[1]) } : headers;
      return (await fetch(origin + path, { headers: pairs ?? {}, ...(signal && { signal }) })).text();
    },
  },
  {
    name: 'http2',
    trigger: 'abort',
    ask: async (path, headers = {}, signal) => {
      const pairs = Array.isArray(headers) ? { [String(headers[0])]: headers[1] } : headers;
      const stream = session.request({ ':path': path, ...pairs } as IncomingHttpHeaders, {
        ...(signal && { signal }),
      });
      return text(stream);
    },
  },
  ...undiciVersions().map((version): Client => {
    const { undici, agent } = loadUndici(version);
    undos.push(() => agent.close());
    return {
      name: `${version}.request()`,
      trigger: 'abort',
      ask: async (path, headers, signal) => {
        const options = { dispatcher: agent, headers: headers ?? {}, ...(signal && { signal }) };
        const { body } = await undici.request(origin + path, options as never);
        return body.text();
      },
    };
  }),
];

for (const client of clients) {
  describe(`${client.name}, ${setup}`, () => {
    it('tells what is left, less the margin', async () => {
      const [value, ...others] = await throughGateway(() => client.ask('/'), { 'timeout-ms': '5000' });
      assert.deepEqual(others, []);
      assert.ok(Number(value) > 3_000 && Number(value) <= 4_990, value);
      const span = outgoing();
      assert.equal(span.attributes['deadline.source'], 'inherited');
      assert.ok(Number(span.attributes['deadline.timeout_ms']) <= 4_990);
      assert.ok(!('cancel.finding' in span.attributes));
    });

    it('adds nothing when there is no deadline', async () => {
      assert.deepEqual(await throughGateway(() => client.ask('/'), {}), []);
      assert.ok(!('deadline.timeout_ms' in outgoing().attributes));
    });

    const owns: Headers[] = [{ [HEADER]: '777' }, { 'Connect-Timeout-Ms': '777' }];
    // The official instrumentation makes an object of an array, with indices for names.
    if (setup === 'alone' || client.name !== 'node:http') {
      owns.push(['Connect-Timeout-Ms', '777', 'Host', '127.0.0.1']);
    }
    for (const own of owns) {
      it(`keeps the header of the application, ${JSON.stringify(own)}`, async () => {
        const values = await throughGateway(() => client.ask('/', own), { 'timeout-ms': '5000' });
        assert.deepEqual(values, ['777']);
      });
    }

    it('tells the earlier limit of its own signal', async () => {
      const ownLimit = (): Promise<string> => client.ask('/', {}, AbortSignal.timeout(1_500));
      const [value] = await throughGateway(ownLimit, { 'timeout-ms': '5000' });
      assert.ok(Number(value) > 500 && Number(value) <= 1_500, value);
      assert.equal(outgoing().attributes['deadline.source'], 'signal');
    });

    it('is cancelled with the incoming operation, as if by the application', async () => {
      const error = await cancelled(() => client.ask('/slow'));
      assert.equal((error as Error).name, 'AbortError');
      checkInherited(outgoing(), client.trigger);
    });

    it('… with a signal of its own as well', async () => {
      const controller = new AbortController();
      const error = await cancelled(() => client.ask('/slow', {}, controller.signal));
      assert.equal((error as Error).name, 'AbortError');
      assert.equal(controller.signal.aborted, false);
      checkInherited(outgoing(), client.trigger);
    });
  });
}

describe(`fetch() where cancels are passed on, ${setup}`, () => {
  it('refuses what it refuses anyway', async () => {
    const refusals: [string, () => Promise<unknown>][] = [
      ['no argument', () => Reflect.apply(fetch, undefined, [])],
      ['a signal that is none', () => fetch(origin, { signal: {} as AbortSignal })],
      ['options that are none', () => fetch(origin, 'POST' as never)],
    ];
    for (const [what, call] of refusals) await assert.rejects(call(), TypeError, what);
  });

  it('leaves the options of the application alone', async () => {
    const options = Object.freeze({ headers: Object.freeze({ 'x-own': 'yes' }) });
    await throughGateway(async () => (await fetch(origin, options)).text(), { 'timeout-ms': '5000' });
    assert.deepEqual(Object.keys(options), ['headers']);
  });

  it('takes options that are an object of a class, or frozen', async () => {
    class Options {
      readonly #method = 'PUT';
      get method(): string {
        return this.#method;
      }
    }
    for (const options of [new Options(), Object.freeze({ signal: undefined, method: 'PUT' })]) {
      const values = throughGateway(async () => {
        const answer = await fetch(origin, options as RequestInit);
        return answer.text();
      }, {});
      assert.deepEqual(await values, []);
      assert.equal(outgoing().attributes['http.request.method'], 'PUT');
      const error = await cancelled(() => fetch(`${origin}/slow`, options as RequestInit));
      assert.equal((error as Error).name, 'AbortError');
      telemetry.reset();
    }
  });

  it('is not sent again by a client that tries again by itself', async () => {
    const asked: string[] = [];
    const path = (request: IncomingMessage): string =>
      `${request.url} ${request.headers['x-stainless-retry-count'] ?? 'once'}`;
    const port = await serve((request, response) => {
      asked.push(path(request));
      if (request.url === '/slow') return onSlow(once(response, 'close'));
      response.end();
    });
    const tried = (to: string, retries: number): Promise<unknown> => {
      const headers = new Headers({ 'X-Stainless-Retry-Count': String(retries) });
      return fetch(`http://127.0.0.1:${port}${to}`, { headers, method: 'POST' });
    };
    const error = await cancelled(async () => {
      await tried('/well', 1);
      await tried('/slow', 0).catch((failure: Error) => assert.equal(failure.name, 'AbortError'));
      await assert.rejects(tried('/slow', 1), { name: 'AbortError' });
      await assert.rejects(tried('/well', 2), { name: 'AbortError' });
      await detached(() => tried('/well', 3));
      await fetch(`http://127.0.0.1:${port}/well`, { method: 'POST' });
      await tried('/audit', 0);
      await tried('/audit', 1);
      throw new Error('enough');
    });
    assert.equal((error as Error).message, 'enough');
    assert.deepEqual(asked, ['/well 1', '/slow 0', '/well 3', '/well once', '/audit 0', '/audit 1']);
    assert.equal(outgoings().length, asked.length, 'what is not sent has no span');
  });

  it('ends with the signal of a Request', async () => {
    const controller = new AbortController();
    const request = new Request(`${origin}/slow`, { signal: controller.signal });
    onSlow = () => controller.abort(new Error('of the application'));
    await assert.rejects(fetch(request), /of the application/);
  });
});

describe(`a request that waits in a client of undici, ${setup}`, () => {
  for (const version of undiciVersions()) {
    it(`${version}: is cancelled before it is on a connection`, async () => {
      const { undici } = loadUndici(version);
      const one = new undici.Client(origin, { pipelining: 1 });
      undos.push(() => one.destroy());
      let busy: Promise<unknown> | undefined;
      const error = await cancelled(async () => {
        busy = one.request({ path: '/slow', method: 'GET' }).catch((failure: Error) => failure.name);
        return one.request({ path: '/', method: 'GET' });
      });
      assert.equal((error as Error).name, 'AbortError');
      assert.equal(await busy, 'AbortError');
      assert.deepEqual(
        outgoings().map(({ attributes }) => attributes['cancel.initiator']),
        ['inherited', 'inherited'],
      );
    });
  }
});

describe(`Connect on HTTP/2, ${setup}`, async () => {
  const service = new ConnectService(lab);
  const baseUrl = await service.listen();
  for (const protocol of PROTOCOLS) {
    const client = connectClient(protocol, baseUrl, lab);
    const own = protocol === 'connect' ? HEADER : 'grpc-timeout';
    const other = protocol === 'connect' ? 'grpc-timeout' : HEADER;

    it(`${protocol}: has the deadline in its own header`, async () => {
      const told = await headersOf(() => client.unary({ value: 'ping' }));
      assert.match(String(told.get(own)), /^[34]\d{3}m?$/);
      assert.equal(told.get(other), null);
    });

    it(`${protocol}: keeps a timeout of its own, once`, async () => {
      const told = await headersOf(() => client.unary({ value: 'ping' }, { timeoutMs: 777 }));
      assert.equal(told.get(own), protocol === 'connect' ? '777' : '777m');
      assert.equal(told.get(other), null);
    });

    it(`${protocol}: is cancelled with the incoming operation`, async () => {
      let ended: Promise<unknown> | undefined;
      const reached = service.entered().then(({ signal }) => {
        ended = once(signal, 'abort');
      });
      await cancelled(() => client.unary({ value: 'ping' }), { reached, ended: () => ended });
      const span = outgoing();
      assert.equal(span.attributes['cancel.initiator'], 'inherited');
      assert.equal(span.attributes['http2.rst_code'], 8);
    });
  }

  /** The headers that the service gets of a call that is made for a request with 5 s. */
  async function headersOf(call: () => Promise<unknown>): Promise<globalThis.Headers> {
    const got = new Promise<globalThis.Headers>((resolve) => {
      service.onCall = async ({ requestHeader }) => resolve(requestHeader);
    });
    await throughGateway(
      async () => {
        await call();
        return '[]';
      },
      { 'timeout-ms': '5000' },
    );
    return got;
  }
});

/** Makes the call for an incoming request with these headers; returns how often the backend got the header, and its values. */
async function throughGateway(
  call: () => Promise<string>,
  headers: Record<string, string>,
): Promise<string[]> {
  const gateway = await serve(async (_request, response) => {
    response.end(await call().catch((error: Error) => JSON.stringify([error.message])));
  });
  const { body } = await ask(gateway, headers);
  await telemetry.allEnded();
  return JSON.parse(body) as string[];
}

/** A request that the peer holds on to. */
interface Held {
  readonly reached: Promise<unknown>;
  /** When the peer has seen its end; known once it was reached. */
  readonly ended: () => Promise<unknown> | undefined;
}

function nextSlow(): Held {
  let ended: Promise<unknown> | undefined;
  const reached = new Promise<void>((resolve) => {
    onSlow = (end) => {
      ended ??= end;
      resolve();
    };
  });
  return { reached, ended: () => ended };
}

/** Makes a call that gets no answer for a request whose client then leaves; returns what the call failed with. */
async function cancelled(call: () => Promise<unknown>, held = nextSlow()): Promise<unknown> {
  let request: ReturnType<typeof http.get> | undefined;
  const failed = new Promise<unknown>((resolve) => {
    void serve(() => {
      call().then(() => resolve(new Error('it was answered')), resolve);
    }).then((port) => {
      request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
    });
  });
  await held.reached;
  request?.destroy();
  const error = await failed;
  await held.ended();
  await telemetry.allEnded();
  return error;
}

/** The CLIENT spans that were made for an incoming request. */
function outgoings(): ReadableSpan[] {
  return telemetry.ended.filter(
    ({ kind, parentSpanContext }) => kind === SpanKind.CLIENT && parentSpanContext !== undefined,
  );
}

function outgoing(): ReadableSpan {
  const [span, ...others] = outgoings();
  assert.ok(span, 'something was asked');
  assert.deepEqual(others, []);
  return span;
}

/** @param trigger of the client that was used */
function checkInherited({ attributes, links, parentSpanContext }: ReadableSpan, trigger: string): void {
  assert.equal(attributes['context.canceled'], true);
  assert.equal(attributes['cancel.initiator'], 'inherited');
  assert.equal(attributes['cancel.trigger'], trigger);
  assert.match(String(attributes['cancel.reason']), /AbortError: the incoming operation was cancelled/);
  assert.equal(attributes['cancel.cause.span_id'], parentSpanContext?.spanId);
  assert.ok(links.some(({ context }) => context.spanId === parentSpanContext?.spanId));
}
