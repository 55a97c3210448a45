import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { announceWork: true });
const { default: http } = await import('node:http');

const servers: Server[] = [];
beforeEach(() => telemetry.reset());
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(handler: RequestListener): Promise<string> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Asks, and leaves when the handler has begun. */
async function leave(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<void> {
  const { promise: hasBegun, resolve: begun } = withResolvers();
  const url = await serve((request, response) => {
    setImmediate(begun);
    return handler(request, response);
  });
  const request = http.get(url).on('error', () => {});
  await hasBegun;
  request.destroy();
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((resolveIt) => {
    resolve = resolveIt;
  });
  return { promise, resolve };
}

function said(): ReadableSpan[] {
  return telemetry.ended.filter(({ name }) => name === 'work goes on');
}

async function saidTimes(count: number): Promise<ReadableSpan[]> {
  while (said().length < count) await delay(10);
  return said();
}

describe(`work that goes on is told of at once, ${setup}`, () => {
  it('that of a promise: that it goes on, for what, and when it is over', async () => {
    const { promise, resolve: finish } = withResolvers();
    await leave(() => promise);
    const [first] = await saidTimes(1);
    const server = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
    assert.ok(first !== undefined && server !== undefined);
    assert.equal(first.parentSpanContext?.spanId, server.spanContext().spanId);
    assert.deepEqual(first.attributes, { 'cancel.settled': false, 'cancel.work.for': 'GET' });
    const [seconds, nanos] = first.duration;
    assert.ok(seconds * 1_000 + nanos / 1e6 >= 100);
    finish();
    const [, last, ...others] = await saidTimes(2);
    assert.equal(last?.attributes['cancel.settled'], true);
    assert.deepEqual(others, []);
  });

  it('that of a callback: what it waits for, and from which line', async () => {
    let answer: (() => void) | undefined;
    const slow = await serve((_request, response) => {
      answer = () => response.end();
    });
    await leave(function askOther() {
      http.get(slow, (incoming) => incoming.resume());
    });
    const [first] = await saidTimes(1);
    const [pending, ...others] = first?.events ?? [];
    assert.equal(pending?.name, 'cancel.pending');
    assert.equal(pending.attributes?.name, 'GET');
    assert.match(
      String(pending.attributes?.['cancel.pending.origin']),
      /askOther \(.*work-announcements\.test\.ts:\d+:\d+\)$/,
    );
    assert.deepEqual(others, []);
    answer?.();
    const [, last] = await saidTimes(2);
    assert.equal(last?.attributes['cancel.settled'], true);
  });

  it('not of a handler that stops when told, nor of one that may have', async () => {
    await leave(async (_request, response) => {
      await once(response, 'close');
    });
    await leave((_request, response) => {
      setTimeout(() => response.end(), 300);
    });
    while (!telemetry.ended.some(({ name }) => name === 'work after cancel')) await delay(10);
    assert.deepEqual(said(), []);
  });

  it('is over with the instrumentation', async () => {
    const { promise, resolve: finish } = withResolvers();
    await leave(() => promise);
    await saidTimes(1);
    telemetry.instrumentation.disable();
    telemetry.instrumentation.enable();
    assert.deepEqual(
      said().map(({ attributes }) => attributes['cancel.settled']),
      [false, true],
    );
    finish();
  });
});
