/**
 * A cancel that is passed on to a request with a signal of its own: the application sees what it would see, had it given
 * `AbortSignal.any([its own, that of the incoming request])`.
 */
import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SpanKind } from '@opentelemetry/api';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { type FetchLibrary, loadUndici, undiciVersions } from './library.ts';

const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
const { closeServers, serve } = await import('../http/chain.ts');
const { default: http } = await import('node:http');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const undos: (() => unknown)[] = [];
after(async () => {
  for (const undo of undos) await undo();
  closeServers();
});
beforeEach(() => telemetry.reset());

/** Emits `asked` when it gets a request. */
const backend = new EventEmitter();
let lastAsked: IncomingMessage | undefined;
const origin = `http://127.0.0.1:${await serve((request, response) => {
  lastAsked = request;
  if (request.url === '/stream') {
    response.write('chunk');
    const timer = setInterval(() => response.write('chunk'), 5);
    response.on('close', () => clearInterval(timer));
  } else if (request.url === '/elsewhere') {
    response.writeHead(302, { location: '/slow' }).end();
    return;
  } else if (request.url !== '/slow') {
    response.end('all of it');
  }
  backend.emit('asked');
})}`;

type Work = (leave: () => void) => Promise<unknown>;

/** Does the work for an incoming request whose client leaves when it says so. Returns what the work fails with. */
async function failureOf(work: Work): Promise<unknown> {
  let leave = (): void => {};
  const failure = new Promise<unknown>((resolve) => {
    const port = serve(() => {
      work(() => leave()).then(() => resolve('it did not fail'), resolve);
    });
    void port.then((number) => {
      const request = http.get({ port: number, host: '127.0.0.1' }).on('error', () => {});
      leave = () => void request.destroy();
    });
  });
  const error = await failure;
  leave();
  await telemetry.allEnded();
  return error;
}

function checkStopped(error: unknown, trigger: string): void {
  assert.ok(error instanceof DOMException, String(error));
  assert.equal(error.name, 'AbortError');
  assert.equal(error.message, 'the incoming operation was cancelled');
  const [span, ...others] = telemetry.ended.filter(
    ({ kind, parentSpanContext }) => kind === SpanKind.CLIENT && parentSpanContext !== undefined,
  );
  assert.ok(span && others.length === 0);
  assert.equal(span.attributes['cancel.initiator'], 'inherited');
  assert.equal(span.attributes['cancel.trigger'], trigger);
  assert.ok(!('cancel.finding' in span.attributes));
}

async function readAll(response: Response): Promise<void> {
  for await (const _chunk of response.body as unknown as AsyncIterable<Uint8Array>);
}

const libraries: FetchLibrary[] = [
  { name: 'Node', fetch: (...args) => fetch(...args), Request },
  ...undiciVersions().map((version) => {
    const library = loadUndici(version);
    undos.push(() => library.agent.destroy());
    return library;
  }),
];

/** Until undici 8 a Request that is collected no longer hears of its signal, without us as well. */
const requests: Request[] = [];

for (const { name, fetch: fetchOf, Request: RequestOf } of libraries) {
  const signals: Record<string, (path: string, own: AbortSignal) => Promise<Response>> = {
    'a signal': (path, own) => fetchOf(origin + path, { signal: own }),
    'the signal of a Request': (path, own) => {
      const request = new RequestOf(origin + path, { signal: own });
      requests.push(request);
      return fetchOf(request);
    },
  };
  for (const [what, ask] of Object.entries(signals)) {
    describe(`fetch() of ${name} with ${what}, ${setup}`, () => {
      it('fails with an AbortError when the incoming request is cancelled', async () => {
        const own = new AbortController();
        const error = await failureOf(async (leave) => {
          backend.once('asked', leave);
          await ask('/slow', own.signal);
        });
        checkStopped(error, 'abort');
        assert.equal(own.signal.aborted, false);
      });

      it('… also after a redirect', async () => {
        const own = new AbortController();
        const error = await failureOf(async (leave) => {
          backend.once('asked', leave);
          await ask('/elsewhere', own.signal);
        });
        assert.ok(error instanceof DOMException && error.name === 'AbortError', String(error));
        const path = { '/elsewhere': undefined, '/slow': 'inherited' };
        assert.deepEqual(
          Object.fromEntries(
            telemetry.ended
              .filter(({ attributes, parentSpanContext }) => attributes['url.full'] && parentSpanContext)
              .map(({ attributes }) => [
                new URL(String(attributes['url.full'])).pathname,
                attributes['cancel.initiator'],
              ]),
          ),
          path,
        );
      });

      it('… and so does reading its body', async () => {
        const own = new AbortController();
        const error = await failureOf(async (leave) => {
          const response = await ask('/stream', own.signal);
          setTimeout(leave, 20);
          await readAll(response);
        });
        checkStopped(error, 'abort');
        assert.equal(own.signal.aborted, false);
      });

      for (const path of ['/slow', '/stream', '/done']) {
        it(`fails with its own reason when that is first: ${path}`, async () => {
          const own = new AbortController();
          const reason = new Error('of the application');
          const error = await failureOf(async (leave) => {
            const asked = once(backend, 'asked');
            const response = ask(path, own.signal);
            if (path === '/slow') await asked;
            else await response;
            if (path === '/done') await sleep(30); // all of it is here, and nobody has read it
            own.abort(reason);
            leave();
            await readAll(await response);
          });
          assert.equal(error, reason);
        });
      }

      it('fails with its own limit when that is first', async () => {
        const error = await failureOf(() => ask('/slow', AbortSignal.timeout(50)));
        assert.equal((error as Error).name, 'TimeoutError');
        const span = telemetry.ended.find(({ attributes }) => attributes.deadline_exceeded === true);
        assert.equal(span?.attributes['cancel.trigger'], 'signal_timeout');
        assert.equal(span.attributes['cancel.initiator'], 'local');
      });

      it('has the listener that it has anyway, and no other', async () => {
        const listeners = async (): Promise<number> => {
          const own = new AbortController();
          const asked = once(backend, 'asked');
          const response = ask('/slow', own.signal);
          await asked;
          const { length } = getEventListeners(own.signal, 'abort');
          own.abort();
          await response.catch(() => {});
          return length;
        };
        const without = await listeners(); // for no incoming request
        const answer = await failureOf(async () => Promise.reject(await listeners()));
        assert.equal(without, 1);
        assert.equal(answer, without);
      });
    });
  }

  describe(`fetch() of ${name}, ${setup}`, () => {
    it('with a Request without a signal fails with an AbortError, too', async () => {
      const error = await failureOf(async (leave) => {
        backend.once('asked', leave);
        await fetchOf(new RequestOf(`${origin}/slow`));
      });
      checkStopped(error, 'abort');
    });

    it('keeps what is said in a Request', async () => {
      const request = new RequestOf(`${origin}/done`, {
        method: 'POST',
        body: 'text',
        headers: { 'x-own': 'yes' },
        referrer: `${origin}/before`,
        referrerPolicy: 'unsafe-url',
      });
      const error = await failureOf(async () => Promise.reject(await (await fetchOf(request)).text()));
      assert.equal(error, 'all of it');
      assert.equal(lastAsked?.method, 'POST');
      assert.equal(lastAsked.headers['x-own'], 'yes');
      assert.equal(lastAsked.headers.referer, `${origin}/before`);
    });

    it('with a getter for its signal has it read once', async () => {
      let reads = 0;
      const own = new AbortController();
      const options = {
        get signal(): AbortSignal {
          reads++;
          return own.signal;
        },
      };
      const error = await failureOf(async (leave) => {
        backend.once('asked', leave);
        await fetchOf(`${origin}/slow`, options);
      });
      checkStopped(error, 'abort');
      assert.equal(reads, 1);
    });
  });
}

describe(`a signal that lives long, ${setup}`, () => {
  it('keeps nothing of the requests that had it', async () => {
    const own = new AbortController();
    const error = await failureOf(async () => {
      for (let count = 0; count < 200; count++) {
        await (await fetch(`${origin}/done`, { signal: own.signal })).text();
      }
      throw 'done';
    });
    assert.equal(error, 'done');
    telemetry.reset(); // spans that are kept keep the requests that they are of
    const left = (): number => getEventListeners(own.signal, 'abort').length;
    for (let turn = 0; turn < 50 && left() > 2; turn++) {
      collectGarbage();
      await sleep(10);
    }
    assert.ok(left() <= 2, `${left()} listeners`);
    const dependants = Object.getOwnPropertySymbols(own.signal).filter(
      ({ description }) => description === 'kDependantSignals',
    );
    assert.deepEqual(dependants.map((key) => Reflect.get(own.signal, key)?.size ?? 0).filter(Boolean), []);
  });
});

describe(`who replaces fetch(), ${setup}`, () => {
  it('may spread the options', async () => {
    const { instrumentation } = telemetry;
    const { fetch: native } = globalThis;
    instrumentation.disable();
    globalThis.fetch = (input, init) => native(input, { ...init, headers: { 'x-added': 'yes' } });
    instrumentation.enable();
    undos.push(() => {
      globalThis.fetch = native;
    });
    for (const options of [
      undefined,
      { method: 'PUT' },
      { method: 'PUT', signal: new AbortController().signal },
    ]) {
      const error = await failureOf(async (leave) => {
        backend.once('asked', leave);
        await fetch(`${origin}/slow`, options);
      });
      checkStopped(error, 'abort');
      assert.equal(lastAsked?.method, options?.method ?? 'GET');
      assert.equal(lastAsked.headers['x-added'], 'yes');
      telemetry.reset();
    }
  });
});

for (const version of undiciVersions()) {
  const { undici, agent } = loadUndici(version);
  undos.push(() => agent.destroy());
  const calls: Record<string, (path: string, signal: AbortSignal) => Promise<unknown>> = {
    'request()': async (path, signal) => {
      const { body } = await undici.request(origin + path, { signal, dispatcher: agent });
      for await (const _chunk of body);
    },
    'stream()': (path, signal) => {
      const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
      return undici.stream(origin + path, { signal, dispatcher: agent, method: 'GET' }, nowhere);
    },
    'pipeline()': async (path, signal) => {
      const options = { signal, dispatcher: agent, method: 'GET' } as const;
      for await (const _chunk of undici.pipeline(origin + path, options, ({ body }) => body).end());
    },
  };
  for (const [call, ask] of Object.entries(calls)) {
    describe(`${call} of ${version} with a signal, ${setup}`, () => {
      for (const path of ['/slow', '/stream']) {
        it(`fails with an AbortError when the incoming request is cancelled: ${path}`, async () => {
          const own = new AbortController();
          const error = await failureOf((leave) => {
            backend.once('asked', () => setTimeout(leave, 20));
            return ask(path, own.signal);
          });
          checkStopped(error, 'abort');
          assert.equal(own.signal.aborted, false);
          assert.equal(getEventListeners(own.signal, 'abort').length, 0);
        });

        it(`fails with its own reason when that is first: ${path}`, async () => {
          const own = new AbortController();
          const reason = new Error('of the application');
          const error = await failureOf((leave) => {
            backend.once('asked', () =>
              setTimeout(() => {
                own.abort(reason);
                leave();
              }, 20),
            );
            return ask(path, own.signal);
          });
          assert.equal(error, reason);
        });
      }
    });
  }
}
