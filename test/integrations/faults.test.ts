/**
 * What is ours fails where no hook is on the stack: in a listener, a tick, a timer, or in what was put on an
 * object of the application. A span processor that throws stands for whatever may fail there.
 */
import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';
import { GrpcService, loadGrpc, startCall } from './grpc/service.ts';
import { startUndiciServer } from './undici/server.ts';

class Failing extends Telemetry {
  isFailing = false;
  failures = 0;

  override onEnd(span: ReadableSpan): void {
    super.onEnd(span);
    const failure = new Error(`onEnd failed for ${span.name}`);
    // What another instrumentation does about it is its own affair.
    if (!this.isFailing || failure.stack?.includes('/instrumentation-')) return;
    this.failures++;
    throw failure;
  }
}

const telemetry = new Failing(setup);
const service = await new GrpcService(loadGrpc()).listen();
const client = await service.client();
const server = await startUndiciServer();
after(async () => {
  service.close();
  await server.close();
});

/** What would have ended the process. */
const uncaught: unknown[] = [];
/** Only the first fault is told. */
const said: string[] = [];

describe(`a fault of ours does not reach the application, ${setup}`, { timeout: 20_000 }, () => {
  beforeEach(() => {
    // Too many faults switch an integration off.
    telemetry.instrumentation.disable();
    telemetry.instrumentation.enable();
    telemetry.reset();
    telemetry.failures = 0;
    uncaught.length = 0;
    process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
  });
  afterEach(() => {
    telemetry.isFailing = false;
    said.push(...telemetry.diagnostics);
    process.setUncaughtExceptionCaptureCallback(null);
  });

  const inTheFirstTurn: Record<string, (abort: () => void) => unknown> = {
    'at once': (abort) => abort(),
    'in a microtask': (abort) => queueMicrotask(abort),
    'in process.nextTick()': (abort) => process.nextTick(abort),
    'in setImmediate()': (abort) => setImmediate(abort),
    later: (abort) => setTimeout(abort, 50),
  };
  for (const [when, run] of Object.entries(inTheFirstTurn)) {
    it(`when a fetch is aborted ${when}`, async () => {
      telemetry.isFailing = true;
      const controller = new AbortController();
      const reason = new Error('user left');
      const promise = fetch(`${server.origin}/hang/1`, { signal: controller.signal });
      run(() => controller.abort(reason));
      await assert.rejects(promise, (error) => error === reason);
      await server.idle();
      await told();
    });
  }

  it('when a message on a channel of undici is not what it should be', async () => {
    for (const name of ['undici:client:beforeConnect', 'undici:client:connected']) {
      channel(name).publish(undefined);
    }
    await told(false);
  });

  it('when a loop over a stream of gRPC is left while stacks cannot be captured', async () => {
    const { captureStackTrace } = Error;
    const entered = service.hold((call) => call.write({ text: 'one' }));
    const { call } = startCall(client, 'serverStream');
    for await (const _message of call) {
      Error.captureStackTrace = () => {
        throw new Error('no stacks');
      };
      break;
    }
    Error.captureStackTrace = captureStackTrace;
    (await entered).on('error', () => {});
    call.cancel();
    await told(false);
  });

  it('when a server span of another instrumentation, which would never end, is ended', async () => {
    const entered = service.hold();
    const { call, ended } = startCall(client, 'serverStream');
    const serverCall = await entered;
    telemetry.isFailing = true;
    const cancelled = once(serverCall, 'cancelled');
    call.cancel();
    await Promise.all([ended, cancelled]);
    await told(true);
  });

  it('when a handler of node:http writes after its client has left', async () => {
    const { response, close } = await abandonedResponse(() => {});
    await sleep(30);
    response.write('late');
    response.end();
    close();
    await told();
  });

  it('when the promise of a handler settles after its client has left', async () => {
    const { close } = await abandonedResponse(() => sleep(60));
    await sleep(100);
    close();
    await told();
  });

  it('when a handler of node:http2 answers a stream that was cancelled', async () => {
    const listening = http2.createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const session = http2.connect(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`);
    const request = session.request();
    const [stream] = (await once(listening, 'stream')) as [http2.ServerHttp2Stream];
    stream.on('error', () => {});
    const over = once(stream, 'close');
    request.close(http2.constants.NGHTTP2_CANCEL);
    await over;
    telemetry.isFailing = true;
    await sleep(30);
    assert.throws(() => stream.respond(), { code: 'ERR_HTTP2_INVALID_STREAM' });
    assert.equal(stream.end('late'), stream);
    session.close();
    listening.close();
    await told();
  });

  it('when it is switched off while spans are open', async () => {
    const { close } = await abandonedResponse(() => new Promise(() => {}));
    await sleep(30);
    telemetry.instrumentation.recordUnfinished();
    telemetry.instrumentation.disable();
    close();
    await told();
  });
});

/** Nothing was thrown, and diag knows. @param isOurs false where it may be that no span is ended by us */
async function told(isOurs = setup === 'alone'): Promise<void> {
  await sleep(50);
  assert.deepEqual(uncaught, []);
  if (isOurs) assert.ok(telemetry.failures > 0, 'a span failed to end');
  if (!isOurs && telemetry.failures === 0) return;
  assert.match(said.concat(telemetry.diagnostics).join('\n'), /failed; the application is not affected/);
}

/** A response whose client has left. */
async function abandonedResponse(
  handler: (request: http.IncomingMessage) => unknown,
): Promise<{ response: http.ServerResponse; close: () => void }> {
  const listening = http.createServer(handler).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  request.on('error', () => {});
  const [, response] = (await once(listening, 'request')) as [unknown, http.ServerResponse];
  const closed = once(response, 'close');
  request.destroy();
  await closed;
  telemetry.isFailing = true;
  assert.ok(telemetry.ended.some(({ kind }) => kind === SpanKind.SERVER));
  return { response, close: () => listening.close() };
}
