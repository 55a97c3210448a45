/** Switching off and on: what is patched is given back as it was, and what cannot be is inert. */
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import nodeModule, { createRequire } from 'node:module';
import net from 'node:net';
import stream from 'node:stream';
import { after, afterEach, describe, it } from 'node:test';
import tls from 'node:tls';
import { SpanKind } from '@opentelemetry/api';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../src/index.ts';

const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js');
const { openGrpc, openHttp } = require('./worlds/fixtures/shop.cjs');

const ended: ReadableSpan[] = [];
new NodeTracerProvider({
  spanProcessors: [
    {
      onStart() {},
      onEnd: (span) => ended.push(span),
      forceFlush: async () => {},
      shutdown: async () => {},
    },
  ],
}).register();

/** Every object on which something may be patched, by a name. */
function patchable(): Map<string, object> {
  const objects = new Map<string, object>();
  const add = (name: string, value: unknown): void => {
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return;
    if ([...objects.values()].includes(value)) return;
    objects.set(name, value);
    if (typeof value === 'function' && value.prototype) objects.set(`${name}.prototype`, value.prototype);
  };
  for (const [name, value] of Object.entries({ AbortController, AbortSignal, EventEmitter, EventTarget })) {
    add(name, value);
  }
  add('globalThis', globalThis);
  add('process', process);
  add('Module', nodeModule);
  add('Module._extensions', require.extensions);
  for (const [name, module] of Object.entries({ http, https, http2, net, tls, stream })) {
    add(name, module);
    for (const [key, value] of Object.entries(module)) add(`${name}.${key}`, value);
  }
  for (const [file, module] of Object.entries(require.cache)) {
    if (!/[\\/]@grpc[\\/]grpc-js[\\/]build[\\/]/.test(file) || module === undefined) continue;
    const name = file.replace(/^.*[\\/]/, 'grpc-js ');
    add(name, module.exports);
    for (const [key, value] of Object.entries(module.exports)) add(`${name} ${key}`, value);
  }
  return objects;
}

const CHANNELS = [
  ...['http.client.request.created', 'http.client.request.start', 'http.client.request.error'],
  ...['http.client.response.finish', 'http.server.request.start', 'http.server.response.created'],
  ...['http.server.response.finish', 'net.client.socket', 'net.server.socket'],
  ...['create', 'bodySent', 'headers', 'trailers', 'error'].map((name) => `undici:request:${name}`),
  ...['sendHeaders', 'beforeConnect', 'connected', 'connectError'].map((name) => `undici:client:${name}`),
  ...['created', 'start', 'error', 'finish', 'close', 'bodyChunkSent', 'bodySent'].flatMap((name) => [
    `http2.client.stream.${name}`,
    `http2.server.stream.${name}`,
  ]),
];

interface Snapshot {
  readonly properties: Map<string, PropertyDescriptor>;
  /** By object: in which order its properties are. */
  readonly keys: Map<string, PropertyKey[]>;
  readonly subscribers: Map<string, number>;
}

const objects = patchable();

function snapshot(): Snapshot {
  const taken: Snapshot = { properties: new Map(), keys: new Map(), subscribers: new Map() };
  for (const [name, object] of objects) {
    taken.keys.set(name, Reflect.ownKeys(object));
    for (const key of Reflect.ownKeys(object)) {
      const descriptor = Object.getOwnPropertyDescriptor(object, key);
      // A number is somebody's counter.
      if (descriptor !== undefined && typeof descriptor.value !== 'number')
        taken.properties.set(`${name} ${String(key)}`, descriptor);
    }
  }
  for (const name of CHANNELS) {
    const { _subscribers: subscribers } = channel(name) as { _subscribers?: unknown[] };
    taken.subscribers.set(name, subscribers?.length ?? 0);
  }
  return taken;
}

/** Names of what is not the same: added, gone, replaced, or with other flags. */
function differences(one: Snapshot, other: Snapshot): string[] {
  const names = new Set([...one.properties.keys(), ...other.properties.keys()]);
  const found = [...names].filter((name) => {
    const [a, b] = [one.properties.get(name), other.properties.get(name)];
    const fields = ['value', 'get', 'set', 'writable', 'enumerable', 'configurable'] as const;
    return a === undefined || b === undefined || fields.some((field) => !Object.is(a[field], b[field]));
  });
  for (const [name, count] of one.subscribers) {
    if (other.subscribers.get(name) !== count) found.push(`channel ${name}`);
  }
  return found;
}

const pristine = snapshot();
const orders = await openGrpc(grpc);
const shelf = await openHttp(http);
const instrumentation = new CancellationInstrumentation({ enabled: false });

/** A gRPC call and an HTTP request, both given up by their client. */
async function visit(): Promise<string[]> {
  ended.length = 0;
  await orders.order();
  await shelf.look();
  // Until the last event of the last socket.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return ended.map(({ kind, attributes }) => {
    const system = 'rpc.method' in attributes ? 'gRPC' : 'HTTP';
    return `${system} ${SpanKind[kind]} ${attributes['context.canceled']} ${attributes['cancel.initiator']}`;
  });
}

const ONCE = [
  'HTTP CLIENT true local',
  'HTTP SERVER true peer',
  'gRPC CLIENT true local',
  'gRPC SERVER true peer',
];

async function assertSeenOnce(): Promise<void> {
  assert.deepEqual((await visit()).sort(), ONCE);
}

function assertPristine(): void {
  const now = snapshot();
  assert.deepEqual(differences(pristine, now), []);
  assert.deepEqual([...now.keys], [...pristine.keys], 'the order of properties');
}

describe('the instrumentation', () => {
  afterEach(() => instrumentation.disable());
  after(() => {
    orders.close();
    shelf.close();
  });

  it('patches nothing before it is enabled', async () => {
    assertPristine();
    assert.deepEqual(await visit(), []);
    assertPristine();
  });

  it('patches functions in place, and no flag of theirs', () => {
    instrumentation.enable();
    const patched = snapshot();
    const changed = differences(pristine, patched);
    for (const name of [
      'AbortController.prototype abort',
      'AbortSignal timeout',
      'Module.prototype load',
      'http.ClientRequest.prototype destroy',
      'http.ServerResponse.prototype emit',
      'net.Socket.prototype _destroy',
      'channel http.server.request.start',
      'grpc-js index.js Channel.prototype createCall',
      'grpc-js resolving-call.js ResolvingCall.prototype cancelWithStatus',
      'grpc-js index.js Server.prototype register',
      'grpc-js server-interceptors.js BaseServerInterceptingCall.prototype sendStatus',
    ]) {
      assert.ok(changed.includes(name), `${name} is not among ${changed.join(', ')}`);
    }
    for (const name of changed) {
      const [before, now] = [pristine.properties.get(name), patched.properties.get(name)];
      if (before === undefined || now === undefined) continue;
      assert.deepEqual({ ...now, value: undefined }, { ...before, value: undefined }, `flags of ${name}`);
      assert.equal(now.value?.name, before.value?.name, `name of ${name}`);
      assert.equal(now.value?.length, before.value?.length, `length of ${name}`);
    }
  });

  it('is patched no further by more traffic', async () => {
    instrumentation.enable();
    await assertSeenOnce();
    const patched = snapshot();
    await assertSeenOnce();
    assert.deepEqual(differences(patched, snapshot()), []);
  });

  it('gives back everything on disable(), and makes no span any more', async () => {
    instrumentation.enable();
    await assertSeenOnce();
    instrumentation.disable();
    assertPristine();
    assert.deepEqual(await visit(), []);
    assertPristine();
  });

  it('makes each span once, however often it was switched', async () => {
    for (let round = 0; round < 3; round++) {
      instrumentation.enable();
      instrumentation.enable();
      await assertSeenOnce();
      instrumentation.disable();
      instrumentation.disable();
      assertPristine();
    }
  });

  it('shows the listeners that the application has put on its server', async () => {
    const server = http.createServer();
    const onRequest = (_request: http.IncomingMessage, response: http.ServerResponse): void => {
      response.end();
    };
    server.on('request', onRequest);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    for (const isOn of [true, false]) {
      if (isOn) instrumentation.enable();
      else instrumentation.disable();
      await new Promise((resolve) => {
        http.get({ host: '127.0.0.1', port, agent: false }, (response) =>
          response.resume().on('end', resolve),
        );
      });
      assert.deepEqual(server.listeners('request'), [onRequest]);
    }
    server.removeListener('request', onRequest);
    assert.equal(server.listenerCount('request'), 0);
    server.close();
  });

  it('can be switched off while operations are under way', async () => {
    instrumentation.enable();
    await orders.order(() => instrumentation.disable());
    assertPristine();
    instrumentation.enable();
    await assertSeenOnce();
  });

  it('is inert below what somebody has put on top of it, and works there when enabled again', async () => {
    instrumentation.enable();
    await assertSeenOnce(); // some things are patched only then
    const changed = differences(pristine, snapshot());
    const { undos, calls } = wrapOnTop(changed);
    await assertSeenOnce();
    const wrapped = snapshot();

    instrumentation.disable();
    const left = differences(wrapped, snapshot());
    assert.ok(
      left.every((name) => /^(?:channel |globalThis Symbol\(opentelemetry-instrumentation-)/.test(name)),
      `taken from under somebody's wrapper: ${left.join(', ')}`,
    );
    calls.clear();
    assert.deepEqual(await visit(), []);
    assert.ok(calls.has('http.ClientRequest.prototype destroy'), 'the wrappers on top are called');

    instrumentation.enable();
    await assertSeenOnce();
    instrumentation.disable();
    assert.deepEqual(await visit(), []);
    for (const undo of undos) undo();
    assert.deepEqual(await visit(), [], 'what was left below is inert');
    instrumentation.enable();
    await assertSeenOnce();
    instrumentation.disable();
    restore(changed);
    assertPristine();
  });

  it('and the official one give back what they patch, the last first', () => {
    const official = new GrpcInstrumentation();
    require('@grpc/grpc-js'); // so that it, which is late, has seen it
    official.disable();
    const { prototype } = grpc.Server;
    const { register } = prototype;
    for (const [first, last] of [
      [official, instrumentation],
      [instrumentation, official],
    ] as const) {
      first.enable();
      last.enable();
      assert.notEqual(prototype.register, register);
      last.disable();
      first.disable();
      assert.equal(prototype.register, register);
    }
  });
});

/** Somebody's wrapper on each of these functions, which only counts its calls. */
function wrapOnTop(names: readonly string[]): { undos: (() => void)[]; calls: Set<string> } {
  const calls = new Set<string>();
  const undos: (() => void)[] = [];
  forEachProperty(names, (name, object, key) => {
    const below = Object.getOwnPropertyDescriptor(object, key);
    const { value } = below ?? {};
    if (typeof value !== 'function') return;
    function onTop(this: unknown, ...args: unknown[]): unknown {
      calls.add(name);
      return Reflect.apply(value, this, args);
    }
    Object.defineProperty(object, key, { ...below, value: onTop });
    undos.push(() => Object.defineProperty(object, key, below as PropertyDescriptor));
  });
  return { undos, calls };
}

/** To what was there before everything: our own wrappers cannot know, when somebody's was on top. */
function restore(names: readonly string[]): void {
  forEachProperty(names, (name, object, key) => {
    const descriptor = pristine.properties.get(name);
    if (descriptor === undefined) Reflect.deleteProperty(object, key);
    else Object.defineProperty(object, key, descriptor);
  });
}

function forEachProperty(
  names: readonly string[],
  act: (name: string, object: object, key: PropertyKey) => void,
): void {
  for (const [owner, object] of objects) {
    for (const key of Reflect.ownKeys(object)) {
      const name = `${owner} ${String(key)}`;
      if (names.includes(name)) act(name, object, key);
    }
  }
}
