/**
 * Programs that are right, and look like ones that are wrong: where the application says that its work may go on, no rule finds
 * fault with them.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind, trace } from '@opentelemetry/api';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { workEndsWithRequest: false });
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');
after(closeServers);

const SLOW_MS = 200;
const slow = await serve((_request, response) => setTimeout(() => response.end('slow'), SLOW_MS));
const quick = await serve((_request, response) => void response.end('quick'));

const url = (port: number): string => `http://127.0.0.1:${port}/`;
const read = async (port: number): Promise<string> => (await fetch(url(port))).text();

function findings(): unknown[] {
  return telemetry.ended.flatMap(({ events, name }) =>
    events
      .filter((event) => event.name === 'cancel.finding')
      .map(({ attributes }) => `${attributes?.['cancel.finding.rule']} on ${name}`),
  );
}

/** Leaves when the handler has begun. */
async function leave(port: number, headers: Record<string, string> = {}): Promise<void> {
  const request = http.get({ port, host: '127.0.0.1', headers }).on('error', () => {});
  await delay(60);
  request.destroy();
}

async function query(text: string, ms: number): Promise<void> {
  const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text };
  const span = trace.getTracer('a-database').startSpan(text, { kind: SpanKind.CLIENT, attributes });
  await delay(ms);
  span.end();
}

const shared = new Map<string, Promise<string>>();
function once_(key: string, load: () => Promise<string>): Promise<string> {
  const running = shared.get(key) ?? load().finally(() => shared.delete(key));
  shared.set(key, running);
  return running;
}

const cache = new Map<string, Promise<string>>();
const remembered = (key: string): Promise<string> => {
  const value = cache.get(key) ?? read(slow);
  cache.set(key, value);
  return value;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

const left: [what: string, handler: Handler][] = [
  [
    'finishes the order that it has begun',
    async (_request, response) => {
      await read(slow);
      await query('INSERT INTO orders VALUES (1)', 150);
      response.end('ordered');
    },
  ],
  ['fills a cache', async (_request, response) => response.end(await remembered('config'))],
  [
    'rolls back, and gives back a lock',
    async (_request, response) => {
      try {
        await once(response, 'close');
        throw new Error('left');
      } catch {
        await query('ROLLBACK', 150);
        await fetch(`${url(quick)}locks/1`, { method: 'DELETE' });
      }
    },
  ],
  [
    'writes into its audit log who has left',
    async (_request, response) => {
      await once(response, 'close');
      await delay(50);
      await fetch(`${url(quick)}audit`, { method: 'POST', body: 'left' });
    },
  ],
  [
    'answers another way: what it has started is not for the answer',
    (_request, response) => {
      void read(slow);
      response.on('close', () => {});
    },
  ],
];

describe(`no rule finds fault with a program that, ${setup},`, () => {
  for (const [what, handler] of left) {
    it(`when its client has left, ${what}`, async () => {
      telemetry.reset();
      await leave(await serve(handler as RequestListener));
      await delay(SLOW_MS + 400);
      assert.deepEqual(findings(), []);
    });
  }

  it('shares what it asks for among those who wait', async () => {
    telemetry.reset();
    const port = await serve(async (_request, response) => response.end(await once_('k', () => read(slow))));
    const leaving = leave(port);
    await delay(20);
    assert.equal((await ask(port)).body, 'slow');
    await leaving;
    await delay(150);
    assert.deepEqual(findings(), []);
  });

  const limited: [what: string, handler: (response: ServerResponse) => unknown][] = [
    [
      'a timer of its own',
      async (response) => {
        const controller = new AbortController();
        const timer = setTimeout(() => controller.abort(), 100);
        await fetch(url(slow), { signal: controller.signal }).catch(() => {});
        clearTimeout(timer);
        response.end();
      },
    ],
    ['a race', async (response) => response.end(await Promise.race([read(slow), delay(100, 'late')]))],
    ['the speed of what it asks', async (response) => response.end(await read(quick))],
    [
      'a limit of its own that is longer than it ever takes',
      async (response) => {
        const answer = await fetch(url(quick), { signal: AbortSignal.timeout(30_000) });
        response.end(await answer.text());
      },
    ],
    [
      'a limit of its own for what others wait for as well',
      async (response) => {
        const value = once_('d', async () =>
          (await fetch(url(slow), { signal: AbortSignal.timeout(5_000) })).text(),
        );
        response.end(await Promise.race([value, delay(100, 'late')]));
      },
    ],
  ];
  for (const [what, handler] of limited) {
    it(`keeps to its deadline by ${what}`, async () => {
      telemetry.reset();
      const port = await serve((_request, response) => handler(response));
      await ask(port, { 'timeout-ms': '150' });
      await delay(SLOW_MS + 50);
      assert.deepEqual(findings(), []);
    });
  }

  for (const [header, value] of [
    ['x-request-timeout', '5s'],
    ['timeout-ms', '5s'],
    ['x-request-deadline', '5s'],
    ['x-request-deadline', '2026-01-01T00:00:00Z'],
    ['grpc-timeout', '99999999H'],
    ['connect-timeout-ms', '9999999999'],
  ] as const) {
    it(`is given ${header}: ${value}`, async () => {
      telemetry.reset();
      const port = await serve((_request, response) => void response.end());
      await ask(port, { [header]: value });
      await telemetry.allEnded();
      assert.deepEqual(findings(), []);
    });
  }
});
