import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { loadUndici } from '../integrations/undici/library.ts';
import { scriptUrl } from '../support/script.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const REJECTING = `
  const { Telemetry } = await import('${scriptUrl('../support/telemetry.ts', import.meta.url)}');
  new Telemetry('alone');
  const http = await import('node:http');
  const server = http.createServer(async () => {
    request.destroy();
    await new Promise((resolve) => setTimeout(resolve, 60));
    throw new Error('of the handler');
  });
  let request;
  server.listen(0, '127.0.0.1', () => {
    request = http.get({ port: server.address().port, host: '127.0.0.1' }).on('error', () => {});
  });
`;

const telemetry = new Telemetry(setup, { maxWorkAfterCancelMs: 1_500 });
const { default: http } = await import('node:http');
const { undici } = loadUndici('undici7');

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

async function serve(handler: RequestListener): Promise<number> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Asks, and leaves when the handler has begun. */
async function leave(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<void> {
  telemetry.reset();
  let begun: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const port = await serve((request, response) => {
    begun();
    return handler(request, response);
  });
  const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
  await hasBegun;
  request.destroy();
}

async function spanCalled(name: string, limitMs = 3_000): Promise<ReadableSpan> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const span = telemetry.ended.find((ended) => ended.name === name);
    if (span !== undefined) return span;
    if (performance.now() > giveUpAt)
      throw new Error(`no span ${name}: ${telemetry.ended.map((s) => s.name)}`);
    await delay(5);
  }
}

/** Outgoing requests, until they are answered. undici has more frames of its own than a stack that is kept has. */
const clients: Record<string, (url: string) => Promise<unknown>> = {
  'node:http': async function ask(url) {
    const [answer] = (await once(http.get(url), 'response')) as [IncomingMessage];
    return once(answer.resume(), 'end');
  },
  fetch: async function ask(url) {
    return (await fetch(url)).text();
  },
  'undici.request()': async function ask(url) {
    return (await undici.request(url)).body.text();
  },
};

describe(`work after the cancel, ${setup}`, () => {
  it('a handler that ends its response 300 ms later has worked for nobody', async () => {
    await leave((_request, response) => {
      response.on('close', () => setTimeout(() => response.end('late'), 300));
    });
    const work = await spanCalled('work after cancel');
    assert.equal(work.attributes['cancel.late_writes'], 1);
    assert.equal(work.attributes['cancel.late_operations'], 0);
    assert.equal(work.attributes['cancel.settled'], true);
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assert.ok(wastedMs >= 290 && wastedMs < 600, `${wastedMs}`);
    assert.equal(work.attributes['cancel.finding'], 'work_after_cancel');
    const server = telemetry.ended.find(({ kind }) => kind === 1);
    assert.equal(work.parentSpanContext?.spanId, server?.spanContext().spanId);
    assert.equal(server?.attributes['context.canceled'], true);
  });

  it('writes are counted one by one', async () => {
    await leave(async (_request, response) => {
      await once(response, 'close');
      for (let count = 0; count < 3; count++) {
        await delay(20);
        response.write('late');
      }
      response.end();
    });
    const work = await spanCalled('work after cancel');
    assert.equal(work.attributes['cancel.late_writes'], 4);
  });

  it('a promise that settles later is work, without a write', async () => {
    await leave(async () => {
      await delay(150);
    });
    const work = await spanCalled('work after cancel');
    assert.equal(work.attributes['cancel.late_writes'], 0);
    const wastedMs = Number(work.attributes['cancel.wasted_ms']);
    assert.ok(wastedMs >= 100 && wastedMs < 500, `${wastedMs}`);
  });

  it('a handler that stops when told leaves no span', async () => {
    // A busy machine looks late at the promise of a handler: then there is a short one.
    for (let attempt = 1; attempt <= 5; attempt++) {
      await leave(async (_request, response) => {
        await once(response, 'close');
      });
      await delay(200);
      const works = telemetry.ended.filter(({ name }) => name === 'work after cancel');
      if (works.length === 0) return;
      for (const { attributes } of works) assert.equal(attributes['cancel.finding'], undefined);
    }
    assert.fail('each time there was a span');
  });

  for (const [name, settle] of [
    ['a result', () => Promise.resolve('the order is <pending>')],
    ['an error', () => Promise.reject(Object.assign(new Error(), { stack: '<pending>\n    at nowhere' }))],
  ] as const) {
    it(`a handler has stopped, though ${name} of its has the text <pending>`, async () => {
      process.once('unhandledRejection', () => {});
      await leave(async (_request, response) => {
        await once(response, 'close');
        await delay(60);
        return settle();
      });
      const work = await spanCalled('work after cancel');
      assert.equal(work.attributes['cancel.settled'], true);
      process.removeAllListeners('unhandledRejection');
    });
  }

  it('a handler that never settles is given up at the limit', async () => {
    await leave(() => new Promise(() => {}));
    const work = await spanCalled('work after cancel');
    assert.equal(work.attributes['cancel.settled'], false);
    assert.ok(Number(work.attributes['cancel.wasted_ms']) >= 1_500);
  });

  it('an outgoing request that is started after the cancel is late', async () => {
    const other = await serve((_request, response) => response.end('late'));
    await leave(async (_request, response) => {
      await once(response, 'close');
      await delay(60);
      const [answer] = await once(http.get({ port: other, host: '127.0.0.1' }), 'response');
      answer.resume();
      await once(answer, 'end');
    });
    const work = await spanCalled('work after cancel');
    assert.equal(work.attributes['cancel.late_operations'], 1);
    const late = telemetry.ended.find(({ attributes }) => attributes['cancel.finding'] === 'late_operation');
    assert.equal(late?.kind, 2);
  });

  for (const [library, ask] of Object.entries(clients)) {
    it(`what the handler was waiting for (${library}) is an event, and what runs on is a finding`, async () => {
      const other = await serve((_request, response) => setTimeout(() => response.end('slow'), 250));
      const asked = new Promise<void>((resolve) => {
        telemetry.reset();
        void leave((_request, response) => {
          void ask(`http://127.0.0.1:${other}/`).then(() => resolve());
          response.on('close', () => {});
        });
      });
      await asked;
      await telemetry.allEnded();
      const server = telemetry.ended.find(
        ({ attributes }) =>
          attributes['context.canceled'] === true && attributes['cancel.initiator'] === 'peer',
      );
      const pending = server?.events.filter(({ name }) => name === 'cancel.pending') ?? [];
      assert.equal(pending.length, 1);
      assert.match(
        String(pending[0]?.attributes?.['cancel.pending.origin']),
        /^(?:Object\.)?ask \(.*work-after-cancel\.test\.ts:/,
      );
      assert.equal(pending[0]?.attributes?.name, 'GET');
      const ranOn = telemetry.ended.find(
        ({ attributes }) => attributes['cancel.finding'] === 'cancel_not_propagated',
      );
      assert.ok(ranOn, 'the slow request ran on');
    });
  }

  it('an unhandled rejection of a handler stays unhandled', () => {
    // In a process of its own: the test runner takes an unhandled rejection for a failure.
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', REJECTING], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    assert.equal(status, 1);
    assert.match(stderr, /Error: of the handler/);
  });
});
