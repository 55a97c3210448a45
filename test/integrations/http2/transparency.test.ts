import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import http2 from 'node:http2';
import { after, afterEach, describe, it } from 'node:test';
import { trace } from '@opentelemetry/api';
import { Telemetry } from '../../support/telemetry.ts';
import { type Api, Http2Lab, type InFlight } from './lab.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const REPLACED = {
  clientSession: ['request'],
  session: ['destroy', 'emit', 'setTimeout'],
  stream: ['close', 'destroy', 'emit', 'setTimeout'],
} as const;

type Play = (inFlight: InFlight) => unknown;

/** Every row of what can end a stream, and some that come to their end. */
const PLAYS: Record<string, Play> = {
  success({ stream, client, response }) {
    client.resume();
    if (response !== undefined) response.end('body');
    else {
      stream.respond({ ':status': 200 });
      stream.end('body');
    }
  },
  'success without a body': ({ stream, client, response }) => {
    client.resume();
    if (response !== undefined) response.writeHead(204).end();
    else stream.respond({ ':status': 204 }, { endStream: true });
  },
  'client close(8)': ({ client }) => client.close(NGHTTP2_CANCEL),
  'client close()': ({ client }) => client.close(),
  'client destroy()': ({ client }) => client.destroy(),
  'client destroy(error)': ({ client }) => client.destroy(new Error('no')),
  'client session.destroy()': ({ session }) => session.destroy(),
  'client session.destroy(error)': ({ session }) => session.destroy(new Error('no')),
  'server close(8)': ({ stream }) => stream.close(NGHTTP2_CANCEL),
  'server close(7)': ({ stream }) => stream.close(NGHTTP2_REFUSED_STREAM),
  'server destroy(error)': ({ stream }) => stream.destroy(new Error('no')),
  'server close() before the head': ({ stream, client }) => {
    client.resume();
    stream.close();
  },
  'server close(2) in the body': async ({ stream, client }) => {
    stream.respond({ ':status': 200 });
    stream.write('first');
    await once(client, 'data');
    stream.close(NGHTTP2_INTERNAL_ERROR);
  },
  'graceful end of the session': async ({ stream, client, session }) => {
    client.resume();
    stream.session?.close();
    await once(session, 'goaway');
    stream.respond({ ':status': 200 });
    stream.end('body');
  },
  'a late answer': async ({ stream, client, response }) => {
    const told = once(stream, 'aborted');
    client.close(NGHTTP2_CANCEL);
    await told;
    response?.write('late', () => {});
    response?.end('late');
    stream.end('late');
  },
  'an idle limit': ({ client }) => client.setTimeout(10, () => client.close(NGHTTP2_CANCEL)),
};

const telemetry = new Telemetry('alone');
const { instrumentation } = telemetry;
const lab = new Http2Lab();
const core = await lab.serve(() => {});
const compat = await lab.serve(() => {}, { api: 'compat' });

describe('an application that uses node:http2', () => {
  after(() => lab.close());
  afterEach(() => instrumentation.enable());

  it('sees functions of the same name, length and attributes, and the old ones after disable()', async () => {
    const { client, session } = await core.arrived();
    const prototypes = prototypesOf(session, client);
    const ours = replacedIn(prototypes);
    instrumentation.disable();
    const originals = replacedIn(prototypes);
    for (const [name, descriptor] of ours) {
      const original = originals.get(name);
      assert.ok(original);
      assert.notEqual(descriptor.value, original.value, `${name} is replaced`);
      assert.equal(descriptor.value.name, original.value.name);
      assert.equal(descriptor.value.length, original.value.length);
      assert.equal(descriptor.enumerable, original.enumerable);
      assert.equal(descriptor.writable, original.writable);
      assert.doesNotMatch(String(original.value), /installation/);
    }
    for (const name of ['destroy', 'emit']) {
      assert.equal(Object.hasOwn(prototypes.stream, name), false, `${name} is inherited again`);
    }
    client.destroy();
  });

  for (const api of ['core', 'compat'] as const) {
    for (const [name, play] of Object.entries(PLAYS)) {
      it(`sees the same events: ${api}, ${name}`, async () => {
        instrumentation.disable();
        const without = await record(api, play);
        instrumentation.enable();
        telemetry.reset();
        const withUs = await record(api, play);
        assert.ok(telemetry.ended.length > 0, 'it was recorded');
        assert.deepEqual(withUs, without);
        assert.ok(Object.values(withUs).every((events) => events.length > 0));
      });
    }
  }

  it('keeps its headers and options as they are', async () => {
    const headers = Object.freeze({ 'X-Test': '1', [http2.sensitiveHeaders]: ['x-test'] });
    const options = Object.freeze({ endStream: true });
    const inFlight = await core.arrived(headers, options);
    assert.equal(inFlight.headers['x-test'], '1');
    assert.deepEqual(
      Reflect.get(inFlight.headers, http2.sensitiveHeaders),
      ['x-test'],
      'not indexed, as before',
    );
    inFlight.client.destroy();
    await inFlight.over;
  });

  it('finds no listener of ours on streams, sessions and signals', async () => {
    async function counts(): Promise<unknown> {
      const { signal } = new AbortController();
      const inFlight = await core.arrived({}, { signal });
      const { client, session, stream } = inFlight;
      const count = {
        client: countsOf(client),
        session: countsOf(session),
        stream: countsOf(stream),
        signal: getEventListeners(signal, 'abort').length,
      };
      client.destroy();
      await inFlight.over;
      return { ...count, signalAfterwards: getEventListeners(signal, 'abort').length };
    }
    const withUs = await counts();
    instrumentation.disable();
    assert.deepEqual(withUs, await counts());
  });

  it('gets the same errors for wrong arguments, and its stream goes on', async () => {
    telemetry.reset();
    const { client, session, stream, over } = await core.arrived();
    assert.throws(() => client.close('8' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => client.close(-1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => client.close(8, 'callback' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => session.request('/' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => session.request({}, { endStream: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.equal(client.setTimeout(0), client);
    stream.respond({}, { endStream: true });
    client.resume();
    await over;
    await telemetry.allEnded();
    const marked = telemetry.ended.filter((span) => 'context.canceled' in span.attributes);
    assert.deepEqual(marked, []);
  });

  it('records nothing after disable(), also of streams that were in flight', async () => {
    const { client, over } = await core.arrived();
    instrumentation.disable();
    // Their spans have ended with it, see in-flight.test.ts.
    telemetry.reset();
    client.close(NGHTTP2_CANCEL);
    await over;
    assert.deepEqual(telemetry.ended, []);
    assert.deepEqual(telemetry.diagnostics, []);
  });

  it('is watched again after disable() and enable()', async () => {
    instrumentation.disable();
    instrumentation.enable();
    telemetry.reset();
    const { client, over } = await core.arrived();
    client.close(NGHTTP2_CANCEL);
    await over;
    assert.equal(telemetry.ended.length, 2);
  });

  it('hears nothing of our faults', async () => {
    instrumentation.setTracerProvider({ getTracer: () => ({ startSpan: fail, startActiveSpan: fail }) });
    try {
      const { client, stream, over } = await core.arrived();
      stream.respond({}, { endStream: true });
      const [headers] = await once(client, 'response');
      assert.equal(headers[':status'], 200);
      client.resume();
      await over;
    } finally {
      instrumentation.setTracerProvider(trace.getTracerProvider());
    }
    assert.ok(telemetry.diagnostics.some((line) => line.includes('a hook failed')));
  });
});

/** What each object emits until both sides have seen the end of the stream. */
async function record(api: Api, play: Play): Promise<Record<string, string[]>> {
  const peer = api === 'core' ? core : compat;
  const session = peer.connect();
  await once(session, 'remoteSettings');
  const inFlight = await peer.arrived({ ':method': 'POST' }, { endStream: true }, session);
  const { client, stream, request, response } = inFlight;
  const seen: Record<string, string[]> = {};
  for (const [name, emitter] of Object.entries({ client, stream, request, response })) {
    if (emitter === undefined) continue;
    const events: string[] = [];
    seen[name] = events;
    for (const event of ['aborted', 'close', 'end', 'error', 'finish', 'response', 'timeout', 'trailers']) {
      emitter.on(
        event as 'close',
        ((...args: unknown[]) => {
          const { code } = (args[0] ?? {}) as NodeJS.ErrnoException;
          const isStream = emitter === client || emitter === stream;
          const state = isStream ? `${(emitter as http2.Http2Stream).rstCode}` : '';
          events.push([event, event === 'error' ? code : '', state].join(' '));
        }) as never,
      );
    }
  }
  await play(inFlight);
  await inFlight.over;
  await new Promise((resolve) => setTimeout(resolve, 10));
  session.destroy();
  return seen;
}

function prototypesOf(session: object, stream: object): Record<keyof typeof REPLACED, object> {
  const clientSession = Object.getPrototypeOf(session);
  return {
    clientSession,
    session: Object.getPrototypeOf(clientSession),
    stream: Object.getPrototypeOf(Object.getPrototypeOf(stream)),
  };
}

function replacedIn(prototypes: Record<keyof typeof REPLACED, object>): Map<string, PropertyDescriptor> {
  const found = new Map<string, PropertyDescriptor>();
  for (const [owner, names] of Object.entries(REPLACED)) {
    for (const name of names) {
      let holder: object = prototypes[owner as keyof typeof REPLACED];
      while (!Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
      found.set(`${owner}.${name}`, Object.getOwnPropertyDescriptor(holder, name) as PropertyDescriptor);
    }
  }
  return found;
}

function countsOf(emitter: NodeJS.EventEmitter): [string | symbol, number][] {
  return emitter.eventNames().map((name) => [name, emitter.listenerCount(name)]);
}

function fail(): never {
  throw new Error('a fault of ours');
}
