/** Handlers of frameworks and of gRPC that go on for a client that has left, and those that stop when told. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { currentSignal } from '../../src/index.ts';
import type { KoaModule } from '../frameworks/servers/koa.ts';
import {
  cancelled,
  GrpcService,
  KINDS,
  loadGrpc,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import { scriptUrl } from '../support/script.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof import('node:http');
const express5 = require('express') as typeof import('express');
const express4 = require('express4') as typeof import('express');
const { fastify } = require('fastify') as typeof import('fastify');
const Koa = require('koa') as KoaModule;
const service = await new GrpcService(loadGrpc()).listen();

after(closeServers);
after(() => service.close());

const WORK_MS = 150;

/** What the application does for each request: an answer, or undefined for none. */
type Work = () => Promise<string | undefined>;

/** Works on without asking whether anybody still waits. */
const lazy: Work = async () => {
  await told();
  await delay(WORK_MS);
  return 'late';
};

/** Stops when told. */
const obedient: Work = async () => {
  await told();
  return undefined;
};

async function told(): Promise<void> {
  const signal = currentSignal();
  assert.ok(signal);
  if (!signal.aborted) await once(signal, 'abort');
}

const frameworks: Record<string, (work: Work) => Promise<number>> = {
  'Express 5': (work) => serve(expressApplication(express5, work)),
  'Express 4': (work) => serve(expressApplication(express4, work)),
  Fastify: async (work) => {
    const application = fastify();
    application.get('/', async (_request, reply) => {
      const answer = await work();
      if (answer === undefined) reply.hijack();
      return answer;
    });
    await application.ready();
    return serve(application.routing as RequestListener);
  },
  Koa: (work) => {
    const application = new Koa();
    application.use(async (context) => {
      const answer = await work();
      if (answer === undefined) context.respond = false;
      else context.body = answer;
    });
    return serve(application.callback());
  },
};

function expressApplication(express: typeof import('express'), work: Work): RequestListener {
  const application = express();
  application.get('/', async (_request, response) => {
    const answer = await work();
    if (answer !== undefined) response.send(answer);
  });
  return application;
}

for (const [name, start] of Object.entries(frameworks)) {
  describe(`${name}, ${setup}`, () => {
    it('a handler that answers late has worked for nobody', async () => {
      const { work, served } = await leave(await start(lazy));
      assert.ok(work);
      checkWork(work, served, { writes: 1 });
    });

    it('one that stops when told leaves no span', async () => {
      checkStopped(await leave(await start(obedient)));
    });
  });
}

describe(`a body that an async generator makes, ${setup}`, () => {
  async function* parts(stop: () => boolean): AsyncGenerator<string> {
    for (let count = 0; count < 8 && !stop(); count++) {
      yield 'part';
      await delay(30);
    }
  }

  it('is written for nobody', async () => {
    const port = await serve(async (_request, response) => {
      for await (const part of parts(() => false)) response.write(part);
      response.end();
    });
    const { work, served } = await leave(port);
    assert.ok(work);
    const writes = Number(work.attributes['cancel.late_writes']);
    assert.ok(writes >= 4 && writes <= 9, `${writes}`);
    checkWork(work, served, { writes });
  });

  it('is not when its loop asks the signal', async () => {
    const port = await serve(async (_request, response) => {
      const signal = currentSignal();
      assert.ok(signal);
      for await (const part of parts(() => signal.aborted)) response.write(part);
    });
    const { work } = await leave(port);
    // The generator sleeps up to 30 ms before it asks.
    assert.equal(work?.attributes['cancel.late_writes'] ?? 0, 0);
  });

  it('ends with its pipe', async () => {
    const port = await serve((_request, response) => {
      Readable.from(parts(() => false)).pipe(response);
    });
    checkStopped(await leave(port));
  });
});

describe(`gRPC, ${setup}`, async () => {
  const client = await service.client();

  for (const kind of KINDS) {
    const answer = (call: ServerCall, callback: (error: null, value: object) => void): void => {
      if (kind === 'unary' || kind === 'clientStream') {
        callback(null, { text: 'late' });
      } else {
        call.write({ text: 'late' });
        call.end();
      }
    };

    it(`${kind}: a handler that answers late has worked for nobody`, async () => {
      const { work, served } = await cancelCall(kind, (call, callback) => {
        call.on('error', () => {});
        call.once('cancelled', () => setTimeout(() => answer(call, callback as never), WORK_MS));
      });
      assert.ok(work);
      checkWork(work, served, { writes: kind === 'unary' || kind === 'clientStream' ? 1 : 2 });
    });

    it(`${kind}: an async handler that goes on has worked for nobody, though it answers nothing`, async () => {
      const { work, served } = await cancelCall(kind, async (call) => {
        await cancelled(call);
        await delay(WORK_MS);
      });
      assert.ok(work);
      checkWork(work, served, { writes: 0 });
    });

    it(`${kind}: one that stops when told leaves no span`, async () => {
      checkStopped(
        await cancelCall(kind, async (call) => {
          await cancelled(call);
        }),
      );
    });
  }

  async function cancelCall(
    kind: (typeof KINDS)[number],
    handler: GrpcService['handler'],
  ): Promise<{ work: ReadableSpan | undefined; served: ReadableSpan }> {
    telemetry.reset();
    const held = service.hold();
    const { handler: hold } = service;
    service.handler = (call, callback) => {
      hold(call, callback);
      return handler(call, callback);
    };
    const { call, ended } = startCall(client, kind);
    await held;
    call.cancel();
    await ended;
    return workOfServed();
  }
});

describe('an unhandled rejection after the cancel stays one', () => {
  for (const [what, script] of Object.entries({
    'of a handler of HTTP/2': `
      const http2 = await import('node:http2');
      const server = http2.createServer();
      server.on('stream', async (stream) => {
        stream.on('error', () => {});
        request.close(http2.constants.NGHTTP2_CANCEL);
        await wait();
        throw new Error('of the handler');
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      const request = http2.connect('http://127.0.0.1:' + server.address().port).request({});`,
    'of a handler of gRPC': `
      const { GrpcService, loadGrpc, startCall } = await import('${scriptUrl('../integrations/grpc/service.ts', import.meta.url)}');
      const service = await new GrpcService(loadGrpc()).listen();
      service.handler = async () => {
        call.cancel();
        await wait();
        throw new Error('of the handler');
      };
      const { call, ended } = startCall(await service.client(), 'unary');`,
  })) {
    for (const isWatched of [true, false]) {
      it(`${what}, ${isWatched ? 'with' : 'without'} this instrumentation`, () => {
        const watch = isWatched
          ? `new (await import('${scriptUrl('../support/telemetry.ts', import.meta.url)}')).Telemetry('alone');`
          : '';
        const wait = 'const wait = () => new Promise((resolve) => setTimeout(resolve, 60));';
        const { status, stderr } = spawnSync(
          process.execPath,
          ['--input-type=module', '-e', watch + wait + script],
          { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)), timeout: 20_000 },
        );
        assert.equal(status, 1);
        assert.match(stderr, /Error: of the handler/);
      });
    }
  }
});

/** Asks, leaves when the handler has begun, and waits for longer than any of them works. */
async function leave(port: number): Promise<{ work: ReadableSpan | undefined; served: ReadableSpan }> {
  telemetry.reset();
  const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
  while (![...telemetry.open].some((span) => span.kind === SpanKind.SERVER)) await delay(5);
  // Long enough for a part or two of a body.
  await delay(60);
  request.destroy();
  return workOfServed();
}

async function workOfServed(): Promise<{ work: ReadableSpan | undefined; served: ReadableSpan }> {
  await delay(WORK_MS * 3);
  await telemetry.allEnded();
  const served = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
  assert.ok(served);
  assert.equal(served.attributes['context.canceled'], true);
  const works = telemetry.ended.filter(({ name }) => name === 'work after cancel');
  assert.ok(works.length <= 1);
  return { work: works[0], served };
}

/** No span; on a busy machine, which looks late at the promises of handlers, at most a short one. */
function checkStopped({ work }: { work: ReadableSpan | undefined }): void {
  if (work === undefined) return;
  assert.ok(Number(work.attributes['cancel.wasted_ms']) < WORK_MS - 20);
  assert.equal(work.attributes['cancel.late_writes'], 0);
}

function checkWork(work: ReadableSpan, served: ReadableSpan, { writes }: { writes: number }): void {
  assert.equal(work.parentSpanContext?.spanId, served.spanContext().spanId);
  assert.equal(work.attributes['cancel.late_writes'], writes);
  assert.equal(work.attributes['cancel.late_operations'], 0);
  assert.equal(work.attributes['cancel.settled'], true);
  assert.equal(work.attributes['cancel.finding'], 'work_after_cancel');
  const wastedMs = Number(work.attributes['cancel.wasted_ms']);
  assert.ok(wastedMs >= WORK_MS - 20 && wastedMs < WORK_MS * 3, `${wastedMs}`);
}
