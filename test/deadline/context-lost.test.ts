import assert from 'node:assert/strict';
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { guessLostContext: true });
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');

after(closeServers);
beforeEach(() => telemetry.reset());

const backend = await serve((_request, response) => void response.end('done'));

function askBackend(answered: () => void): void {
  http.get({ port: backend, host: '127.0.0.1', path: '/backend' }, (answer) =>
    answer.resume().on('end', answered),
  );
}

/** A pool that runs its jobs from a loop of its own, as a hand-written one does. */
const jobs: (() => void)[] = [];
const pool = setInterval(() => jobs.shift()?.(), 5);
after(() => clearInterval(pool));

/** A listener that was registered before there was any operation, woken from outside of all of them. */
const wishes = new EventEmitter().on('wish', askBackend);

const lost: [how: string, askWithoutContext: (answered: () => void) => void][] = [
  ['a callback that waits in a global queue', (answered) => jobs.push(() => askBackend(answered))],
  ['a listener that was registered outside', (answered) => jobs.push(() => wishes.emit('wish', answered))],
];

const kept: [how: string, askWithContext: (answered: () => void) => void][] = [
  ['a direct call', askBackend],
  ['a timer', (answered) => setTimeout(askBackend, 5, answered)],
  ['a promise', (answered) => void Promise.resolve(answered).then(askBackend)],
  ['a listener that is called by the handler', (answered) => wishes.emit('wish', answered)],
  [
    'a bound callback in a global queue',
    (answered) => jobs.push(AsyncResource.bind(() => askBackend(answered))),
  ],
];

async function askThrough(askIt: (answered: () => void) => void): Promise<void> {
  const gateway = await serve((_request, response) => askIt(() => response.end('done')));
  await ask(gateway);
  await telemetry.allEnded();
}

function findings(): ReadableSpan[] {
  return telemetry.ended.filter(({ attributes }) => attributes['cancel.finding'] !== undefined);
}

describe(`lost context, ${setup}`, () => {
  for (const [how, askWithoutContext] of lost) {
    it(`${how} is found, once`, async () => {
      await askThrough(askWithoutContext);
      const [span, ...others] = findings();
      assert.deepEqual(others, []);
      assert.equal(span?.kind, SpanKind.CLIENT);
      assert.equal(span.attributes['cancel.finding'], 'context_lost');
      const events = span.events.filter(({ name }) => name === 'cancel.finding');
      assert.equal(events.length, 1);
      assert.equal(
        events[0]?.attributes?.['cancel.finding.detail'],
        'started without trace context while "GET" was the only incoming operation',
      );
    });
  }

  for (const [how, askWithContext] of kept) {
    it(`${how} keeps it`, async () => {
      await askThrough(askWithContext);
      assert.deepEqual(findings(), []);
    });
  }

  it('without an incoming operation a request of the background is nobody’s', async () => {
    await new Promise<void>((answered) => jobs.push(() => askBackend(answered)));
    await telemetry.allEnded();
    assert.deepEqual(findings(), []);
  });

  it('of two incoming operations either could own it', async () => {
    const held: (() => void)[] = [];
    let bothCame: () => void = () => {};
    const both = new Promise<void>((resolve) => {
      bothCame = resolve;
    });
    const gateway = await serve((_request: IncomingMessage, response: ServerResponse) => {
      held.push(() => response.end('done'));
      if (held.length === 2) bothCame();
    });
    const requests = ['/first', '/second'].map((path) =>
      http.get({ port: gateway, host: '127.0.0.1', path, agent: false }),
    );
    const ends = requests.map(async (request) => {
      const [answer] = await once(request, 'response');
      await once(answer.resume(), 'end');
    });
    await both;
    await new Promise<void>((answered) => jobs.push(() => askBackend(answered)));
    for (const end of held) end();
    await Promise.all(ends);
    await telemetry.allEnded();
    assert.deepEqual(findings(), []);
  });

  it('an operation that is over owns nothing', async () => {
    await askThrough((answered) => answered());
    await new Promise<void>((answered) => jobs.push(() => askBackend(answered)));
    await telemetry.allEnded();
    assert.deepEqual(findings(), []);
  });
});
