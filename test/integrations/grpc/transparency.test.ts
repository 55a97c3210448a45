import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, afterEach, describe, it } from 'node:test';
import { Telemetry } from '../../support/telemetry.ts';
import {
  answerAtOnce,
  answerError,
  type ClientCall,
  GrpcService,
  KINDS,
  type Kind,
  loadGrpc,
  type ServerCall,
  startCall,
} from './service.ts';

const require = createRequire(import.meta.url);
/** [file, class, methods] that are replaced. */
const REPLACED: readonly (readonly [string, string, readonly PropertyKey[]])[] = [
  ['channel', 'ChannelImplementation', ['createCall']],
  ['resolving-call', 'ResolvingCall', ['start', 'cancelWithStatus', 'outputStatus']],
  ['call', 'ClientReadableStreamImpl', ['destroy']],
  ['call', 'ClientWritableStreamImpl', ['destroy']],
  ['call', 'ClientDuplexStreamImpl', ['destroy']],
  ['server', 'Server', ['register', 'forceShutdown']],
  ['server-call', 'ServerWritableStreamImpl', ['emit']],
  ['server-call', 'ServerDuplexStreamImpl', ['emit']],
  ['server-interceptors', 'BaseServerInterceptingCall', ['sendStatus', 'notifyOnCancel']],
];

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const service = await new GrpcService(grpc).listen();
const client = await service.client();
const { instrumentation } = telemetry;

describe('an application that uses gRPC', () => {
  after(() => service.close());
  afterEach(() => instrumentation.enable());

  it('sees functions of the same name and length, and the old ones after disable()', () => {
    for (const [file, className, methods] of REPLACED) {
      const { prototype } = require(`@grpc/grpc-js/build/src/${file}.js`)[className];
      for (const method of methods) {
        const ours = lookUp(prototype, method);
        instrumentation.disable();
        const original = lookUp(prototype, method);
        instrumentation.enable();
        assert.notEqual(ours.value, original.value, `${className}.${String(method)} is replaced`);
        assert.equal(ours.value.name, original.value.name);
        assert.equal(ours.value.length, original.value.length);
        assert.equal(ours.enumerable, original.enumerable);
        assert.equal(ours.writable, original.writable);
      }
    }
    instrumentation.disable();
    for (const [file, className, methods] of REPLACED) {
      const { prototype } = require(`@grpc/grpc-js/build/src/${file}.js`)[className];
      for (const method of methods) {
        assert.doesNotMatch(String(lookUp(prototype, method).value), /installation/, String(method));
      }
    }
    const { prototype } = require('@grpc/grpc-js/build/src/call.js').ClientReadableStreamImpl;
    assert.equal(Object.hasOwn(prototype, 'destroy'), false, 'an inherited method is inherited again');
  });

  for (const kind of KINDS) {
    for (const [name, play] of Object.entries(plays())) {
      it(`sees the same events: ${kind}, ${name}`, async () => {
        const withUs = await play(kind);
        assert.ok(telemetry.ended.length > 0);
        instrumentation.disable();
        const without = await play(kind);
        assert.deepEqual(withUs, without);
        assert.ok(withUs.length > 2, withUs.join());
      });
    }
  }

  it('keeps being watched by handlers that were registered before disable() and enable()', async () => {
    instrumentation.disable();
    instrumentation.enable();
    telemetry.reset();
    service.handler = answerAtOnce;
    await startCall(client, 'unary').ended;
    await telemetry.allEnded();
    assert.equal(telemetry.ended.length, 2);
  });

  it('records nothing after disable(), also of calls that were in flight', async () => {
    const entered = service.hold();
    const { call, ended } = startCall(client, 'unary');
    await entered;
    instrumentation.disable();
    // Their spans have ended with it, see in-flight.test.ts.
    telemetry.reset();
    call.cancel();
    await ended;
    assert.deepEqual(telemetry.ended, []);
    assert.deepEqual(telemetry.diagnostics, []);
  });

  it("gets its handler's own error when it throws", async () => {
    const thrown: unknown[] = [];
    service.handler = function (this: unknown) {
      thrown.push(this);
      throw new Error('broken');
    };
    const error = await startCall(client, 'unary').ended;
    assert.equal(error?.code, grpc.status.UNKNOWN);
    assert.equal(thrown.length, 1);
  });
});

/** What both sides can see of a call that comes to a certain end. */
function plays(): Record<string, (kind: Kind) => Promise<string[]>> {
  return {
    success: (kind) => play(kind, answerAtOnce, () => {}),
    error: (kind) =>
      play(
        kind,
        (call, answer) => answerError(call, answer, { code: 5, details: 'none' }),
        () => {},
      ),
    cancel: (kind) =>
      play(
        kind,
        () => {},
        (call) => call.cancel(),
      ),
  };
}

async function play(
  kind: Kind,
  handler: GrpcService['handler'],
  act: (call: ClientCall) => void,
): Promise<string[]> {
  const seen: string[] = [];
  let done: () => void = () => {};
  const serverDone = new Promise<void>((resolve) => {
    done = resolve;
  });
  const entered = service.hold((call, answer) => {
    seen.push(`handler(${typeof call}, ${typeof answer}) ${answer?.name} ${answer?.length}`);
    seen.push(listenersOf(call));
    call.on('cancelled', () => {
      seen.push('server cancelled');
      done();
    });
    handler(call, answer);
  });
  const { call, ended } = startCall(client, kind);
  for (const event of ['metadata', 'data', 'end', 'status', 'error', 'close', 'finish']) {
    call.on(event, () => seen.push(`client ${event}`));
  }
  seen.push(listenersOf(call as never));
  await entered;
  act(call);
  const error = await ended;
  seen.push(`ended ${error?.message}`);
  if (kind === 'clientStream' || kind === 'bidi') call.end();
  await serverDone;
  await new Promise((resolve) => setTimeout(resolve, 5));
  seen.push(listenersOf(call as never));
  // The sides are two, and their order is the network's.
  return seen.sort();
}

function listenersOf(call: ServerCall): string {
  return call
    .eventNames()
    .map((name) => `${String(name)} ${call.listenerCount(name)}`)
    .join();
}

function lookUp(prototype: object, method: PropertyKey): PropertyDescriptor {
  for (let object: object = prototype; ; object = Object.getPrototypeOf(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, method);
    if (descriptor !== undefined) return descriptor;
  }
}
