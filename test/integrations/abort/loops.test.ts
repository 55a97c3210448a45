/** Whoever leaves a `for await` loop is named, however late the stream behind it is ended. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { checkSpan } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { loadUndici, undiciVersions } from '../undici/library.ts';

const { prototype } = Object.getPrototypeOf(async function* () {});
const original = prototype.return;
const telemetry = new Telemetry(setup);
const { OpenAI } = createRequire(import.meta.url)('openai') as typeof import('openai');

const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => {
  server.closeAllConnections();
  server.close();
});
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** Anything that can be read piece by piece. */
type Source = AsyncIterable<unknown>;
const sources: Record<string, () => Promise<Source>> = {
  'a response of node:http': () => new Promise((resolve) => http.get(origin, { agent: false }, resolve)),
  'the body of fetch()': async () => (await fetch(origin)).body as unknown as Source,
  'a stream of openai': async () => {
    const client = new OpenAI({ apiKey: 'none', baseURL: origin, maxRetries: 0 });
    return client.chat.completions.create({ model: 'any', messages: [], stream: true });
  },
};
for (const name of undiciVersions()) {
  const { undici, agent } = loadUndici(name);
  after(() => agent.destroy());
  sources[`the body of request(), ${name}`] = async () =>
    (await undici.request(origin, { dispatcher: agent })).body;
}

async function readsOne(source: Source): Promise<void> {
  for await (const _ of source) break;
}

async function fails(source: Source): Promise<void> {
  for await (const _ of source) throw new Error('enough');
}

async function givesUp(source: Source): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
}

describe(`for await over a stream, ${setup}`, () => {
  beforeEach(() => telemetry.reset());

  for (const [name, open] of Object.entries(sources)) {
    for (const leave of [readsOne, fails, givesUp]) {
      it(`${name}: ${leave.name} is the origin`, async () => {
        await leave(await open()).catch((error) => assert.equal(error.message, 'enough'));
        await telemetry.allEnded();
        const [span] = telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
        assert.ok(span);
        checkSpan(
          span,
          { outcome: 'context.canceled', initiator: 'local', phase: 'receive', origin: leave.name },
          'CLIENT',
        );
      });
    }
  }

  it('a loop that is left looks as before, and takes as many turns', async () => {
    assert.notEqual(prototype.return, original);
    assert.equal(prototype.return.name, original.name);
    assert.equal(prototype.return.length, original.length);
    const patched = prototype.return;
    const order = async (): Promise<unknown[]> => {
      const steps: unknown[] = [];
      const numbers = async function* (): AsyncGenerator<number, unknown> {
        try {
          yield 1;
          return 2;
        } finally {
          steps.push('finally');
        }
      };
      const ticks = (async () => {
        for (let tick = 0; tick < 8; tick++) {
          steps.push(tick);
          await undefined;
        }
      })();
      for await (const _ of numbers()) break;
      steps.push('left');
      await ticks;
      steps.push(await numbers().return('value'));
      await assert.rejects(Reflect.apply(prototype.return, {}, []), TypeError);
      return steps;
    };
    const now = await order();
    prototype.return = original;
    const before = await order();
    prototype.return = patched;
    assert.deepEqual(now, before);
  });
});
