/** A cancel that reaches an outgoing request by way of a queue, a pool, an emitter, a stream, a timer or a thread. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { pbkdf2 } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, beforeEach, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { createPool } from 'generic-pool';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { currentSignal } from '../../src/index.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');

const undos: (() => unknown)[] = [closeServers];
after(async () => {
  for (const undo of undos) await undo();
});
beforeEach(() => telemetry.reset());

/** Called when the backend, which never answers, is asked. */
let onAsked: () => void = () => {};
const backend = await serve(() => onAsked());

/** Starts the outgoing request; resolves when that is over, as a job of a pool does. */
type Start = () => Promise<void>;
/** Gets the start to be called; what it returns lets waiting jobs go on. */
type Way = (start: Start) => unknown;

/** Of one worker, so that a job has to wait; made, and kept busy, outside of any request. */
const limit = pLimit(1);
const queue = new PQueue({ concurrency: 1 });
const pool = createPool({ create: async () => ({}), destroy: async () => {} }, { max: 1 });
undos.push(() => pool.drain().then(() => pool.clear()));
const emitter = new EventEmitter();
const echo = new Worker(
  "require('node:worker_threads').parentPort.on('message', (it) => require('node:worker_threads').parentPort.postMessage(it))",
  { eval: true },
);
undos.push(() => echo.terminate());
await once(echo, 'online');

const kept: [how: string, way: Way][] = [
  ['a direct call', (start) => start()],
  ['setTimeout()', (start) => setTimeout(start, 5)],
  ['setInterval()', (start) => setInterval(start, 5).unref() && undefined],
  ['setImmediate()', (start) => setImmediate(start)],
  ['process.nextTick() and queueMicrotask()', (start) => process.nextTick(() => queueMicrotask(start))],
  ['a thread pool of Node', (start) => pbkdf2('a', 'b', 1, 8, 'sha1', () => start())],
  ['a promise that others resolve', (start) => fromOutside((done) => done()).then(start)],
  ['an emitter whose listener calls', (start) => emitter.once('go', start).emit('go')],
  ['an async generator', (start) => consume(start)],
  ['a stream', (start) => pipeline(Readable.from(['one']), transformThat(start))],
  ['p-limit, after another job', (start) => behind((job) => limit(job), start)],
  ['generic-pool, after another client', (start) => behind(useResource, start)],
  [
    'a worker that is awaited',
    async (start) => {
      echo.postMessage('go');
      await once(echo, 'message');
      return start();
    },
  ],
  [
    'a listener of a worker, bound',
    (start) => {
      echo.once('message', AsyncResource.bind(start));
      echo.postMessage('go');
    },
  ],
  [
    'p-queue, after another job, as a snapshot',
    (start) => {
      const inContext = AsyncLocalStorage.snapshot();
      return behind(
        (job) => queue.add(job),
        () => inContext(start),
      );
    },
  ],
];

/** The library calls back from where it got free, or from where it listens: nothing is known of the request. */
const lost: [how: string, way: Way][] = [
  ['p-queue, after another job', (start) => behind((job) => queue.add(job), start)],
  [
    'a listener of a worker',
    (start) => {
      echo.once('message', start);
      echo.postMessage('go');
    },
  ],
  [
    'an emitter that is told from outside',
    (start) =>
      emitter.once('go', start) &&
      fromOutside((done) => {
        emitter.emit('go');
        done();
      }),
  ],
];

describe(`a cancel that is inherited, ${setup}`, () => {
  for (const [how, way] of kept) {
    it(`by a request that was started by way of ${how}`, async () => {
      await leaveGateway(way, (response, stop) => response.on('close', stop));
      checkChain('destroy');
    });
  }

  it('by way of currentSignal(), handed to a job that waits', async () => {
    await leaveGateway(
      (start) => behind((job) => limit(job), start),
      () => {},
      () => ({ signal: currentSignal() as AbortSignal }),
    );
    checkChain('abort');
  });

  const stops: [how: string, stopBy: (response: ServerResponse, stop: () => void) => unknown][] = [
    [
      'an emitter',
      (response, stop) => {
        emitter.once('left', stop);
        response.on('close', () => emitter.emit('left'));
      },
    ],
    ['a timer', (response, stop) => response.on('close', () => setTimeout(stop, 5))],
    ['a poll from outside', (response, stop) => polls.add(() => response.closed && stop())],
    ['a queue', (response, stop) => response.on('close', () => void queue.add(async () => stop()))],
  ];
  for (const [how, stopBy] of stops) {
    it(`by a request that is ended by way of ${how}`, async () => {
      await leaveGateway((start) => start(), stopBy);
      checkChain('destroy');
    });
  }

  for (const [how, way] of lost) {
    it(`is not claimed where the library loses the context: ${how}`, async () => {
      await leaveGateway(way, (response, stop) => response.on('close', stop));
      const { outgoing, incoming } = spans();
      assert.equal(outgoing.parentSpanContext, undefined, 'a trace of its own');
      assert.equal(outgoing.attributes['context.canceled'], true);
      assert.equal(outgoing.attributes['cancel.initiator'], 'local');
      assert.equal(outgoing.attributes['cancel.finding'], undefined, 'nothing is guessed');
      // Who decided is seen all the same: the span in which the cancel was called.
      const decidedIn = incoming.spanContext();
      assert.equal(outgoing.attributes['cancel.cause.span_id'], decidedIn.spanId);
      assert.equal(outgoing.attributes['cancel.cause.trace_id'], decidedIn.traceId);
      // Not the parent: the link must not say that it is.
      assert.deepEqual(
        outgoing.links.map(({ context, attributes }) => [
          context.spanId,
          attributes?.['opentracing.ref_type'],
        ]),
        [[decidedIn.spanId, undefined]],
      );
    });
  }

  it('is not claimed by the request whose job p-queue ran before', async () => {
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    let free: () => void = () => {};
    const gateway = await serve((request, response) => {
      if (request.url === '/first') {
        void queue
          .add(() => new Promise<void>((resolve) => (free = resolve)))
          .then(() => response.end('done'));
        return;
      }
      void queue.add(async () => {
        const outgoing = http.get({ port: backend, host: '127.0.0.1' }).on('error', () => {});
        response.on('close', () => outgoing.destroy());
        await new Promise((over) => outgoing.on('close', over));
      });
      free();
    });
    const first = http.get({ port: gateway, host: '127.0.0.1', path: '/first' });
    const answered = once(first, 'response') as Promise<[IncomingMessage]>;
    while (queue.pending === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = http.get({ port: gateway, host: '127.0.0.1', path: '/second' }).on('error', () => {});
    await asked;
    second.destroy();
    const [answer] = await answered;
    await once(answer.resume(), 'end');
    await telemetry.allEnded();
    const served = (path: string): string | undefined =>
      telemetry.ended
        .find(({ kind, attributes }) => {
          const target = attributes['url.path'] ?? attributes['http.target'];
          return kind === SpanKind.SERVER && target === path;
        })
        ?.spanContext().spanId;
    const misplaced = telemetry.ended.find(
      ({ kind, parentSpanContext }) =>
        kind === SpanKind.CLIENT && parentSpanContext?.spanId === served('/first'),
    );
    assert.ok(misplaced, 'the queue ran it in the context of the job before');
    assert.equal(misplaced.attributes['cancel.initiator'], 'local', 'the first request was not cancelled');
    assert.equal(misplaced.attributes['cancel.cause.span_id'], served('/second'));
  });

  it('along a chain of three servers, hop by hop', async () => {
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    let next = backend;
    for (let hop = 0; hop < 3; hop++) {
      const port = next;
      next = await serve((_request, response) => {
        const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
        response.on('close', () => request.destroy());
      });
    }
    const request = http.get({ port: next, host: '127.0.0.1' }).on('error', () => {});
    await asked;
    request.destroy();
    await telemetry.allEnded();
    const byId = new Map(telemetry.ended.map((span) => [span.spanContext().spanId, span]));
    const inherited = telemetry.ended.filter(
      ({ attributes }) => attributes['cancel.initiator'] === 'inherited',
    );
    assert.equal(inherited.length, 3);
    for (const { attributes, startTime } of inherited) {
      const cause = byId.get(String(attributes['cancel.cause.span_id']));
      assert.equal(cause?.kind, SpanKind.SERVER);
      assert.equal(cause.attributes['cancel.initiator'], 'peer');
      assert.ok(startTime >= cause.startTime);
    }
  });
});

/** Asks the gateway, whose handler asks the backend by that way, and leaves. */
async function leaveGateway(
  way: Way,
  stopBy: (response: ServerResponse, stop: () => void) => unknown,
  options: () => { signal?: AbortSignal } = () => ({}),
): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve;
  });
  let hasStarted = false;
  const gateway = await serve((_request, response) => {
    const own = options();
    void way(async () => {
      if (hasStarted) return;
      hasStarted = true;
      const outgoing = http.get({ port: backend, host: '127.0.0.1', ...own }).on('error', () => {});
      stopBy(response, () => outgoing.destroy());
      await new Promise((over) => outgoing.on('close', over));
    });
  });
  const request = http.get({ port: gateway, host: '127.0.0.1' }).on('error', () => {});
  await asked;
  request.destroy();
  await telemetry.allEnded();
}

function spans(): { incoming: ReadableSpan; outgoing: ReadableSpan } {
  const [incoming, outgoing] = [SpanKind.SERVER, SpanKind.CLIENT].map((kind) => {
    // In the order of their start: the browser and the gateway, then what the gateway asks, and the backend.
    const found = telemetry.ended
      .filter((span) => span.kind === kind)
      .sort((a, b) => startMs(a) - startMs(b));
    return kind === SpanKind.SERVER ? found[0] : found[1];
  });
  assert.ok(incoming && outgoing);
  return { incoming, outgoing };
}

function startMs({ startTime: [seconds, nanos] }: ReadableSpan): number {
  return seconds * 1_000 + nanos / 1e6;
}

function checkChain(trigger: string): void {
  const { incoming, outgoing } = spans();
  const { spanId, traceId } = incoming.spanContext();
  assert.equal(incoming.attributes['cancel.initiator'], 'peer');
  assert.equal(outgoing.parentSpanContext?.spanId, spanId);
  assert.equal(outgoing.attributes['cancel.initiator'], 'inherited');
  assert.equal(outgoing.attributes['cancel.trigger'], trigger);
  assert.equal(outgoing.attributes['cancel.cause.span_id'], spanId);
  assert.equal(outgoing.attributes['cancel.cause.trace_id'], traceId);
  const link = outgoing.links.find(({ context }) => context.spanId === spanId);
  // Jaeger: one reference for parent and cause, and the span stays in the critical path.
  assert.deepEqual(link?.attributes, { 'opentracing.ref_type': 'child_of' });
  const propagationMs = Number(outgoing.attributes['cancel.propagation_ms']);
  assert.ok(propagationMs >= 0 && propagationMs < 1_000, `${propagationMs}`);
  assert.ok(!('cancel.finding' in outgoing.attributes));
}

/** What a loop of the process looks at, which belongs to no request. */
const polls = new Set<() => unknown>();
const poll = setInterval(() => {
  for (const look of polls) look();
}, 5);
undos.push(() => clearInterval(poll));

/** Resolves by a call from outside of all requests. */
function fromOutside(call: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      polls.delete(look);
      call(resolve);
    };
    polls.add(look);
  });
}

/** Queues the job behind another one, which is there before it and ends after it was queued. */
async function behind(run: (job: Start) => Promise<unknown>, job: Start): Promise<unknown> {
  let free: () => void = () => {};
  // From outside, since a job that belongs to the request would have its context to give on.
  await fromOutside((done) => {
    void run(
      () =>
        new Promise((resolve) => {
          free = resolve;
        }),
    );
    done();
  });
  const isOver = run(job);
  await fromOutside((done) => {
    free();
    done();
  });
  return isOver;
}

async function useResource(job: Start): Promise<void> {
  const resource = await pool.acquire();
  try {
    await job();
  } finally {
    await pool.release(resource);
  }
}

async function consume(start: Start): Promise<void> {
  async function* parts(): AsyncGenerator<Start> {
    await null;
    yield start;
  }
  for await (const part of parts()) await part();
}

function transformThat(start: Start): Transform {
  return new Transform({
    transform(_chunk, _encoding, done) {
      void start();
      done();
    },
  }).resume();
}
