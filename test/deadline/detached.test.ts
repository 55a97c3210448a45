import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { currentDeadline, currentSignal, detached } from '../../src/index.ts';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
const { ask, closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');

after(closeServers);
beforeEach(() => telemetry.reset());

const slow = await serve((_request, response) => void setTimeout(() => response.end('slow'), 250));
const askSlow = async (): Promise<string> => (await fetch(`http://127.0.0.1:${slow}/`)).text();

let running: Promise<string> | undefined;
/** What several requests wait for is asked for once. */
function askOnce(askIt: () => Promise<string>): Promise<string> {
  running ??= askIt().finally(() => {
    running = undefined;
  });
  return running;
}

/** Two requests for the same, of which the first leaves. @returns what the second gets */
async function share(handler: RequestListener): Promise<string> {
  const port = await serve(handler);
  const leaving = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
  await delay(60);
  const answer = ask(port);
  await delay(60);
  leaving.destroy();
  const { body } = await answer;
  await delay(250);
  return body;
}

const findings = (): unknown[] =>
  telemetry.ended.map(({ attributes }) => attributes['cancel.finding']).filter((rule) => rule !== undefined);

/** The CLIENT span of what was asked for once. */
function asked(): ReadableSpan {
  const spans = telemetry.ended.filter(
    ({ kind, parentSpanContext }) => kind === SpanKind.CLIENT && parentSpanContext !== undefined,
  );
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
}

describe(`what is detached, ${setup},`, () => {
  it('goes on for the others when one of those who share it leaves', async () => {
    const body = await share(async (_request, response) => {
      response.end(await askOnce(() => detached(askSlow)));
    });
    assert.equal(body, 'slow');
    assert.deepEqual(findings(), []);
    assert.equal(asked().attributes['context.canceled'], undefined);
  });

  it('is in the trace of whoever asked first', async () => {
    await share(async (_request, response) => {
      response.end(await askOnce(() => detached(askSlow)));
    });
    const parent = telemetry.ended.find(
      (span) => span.spanContext().spanId === asked().parentSpanContext?.spanId,
    );
    assert.equal(parent?.kind, SpanKind.SERVER);
    assert.equal(parent.attributes['context.canceled'], true);
  });

  it('ends with the first that leaves where it is not', async () => {
    const body = await share(async (_request, response) => {
      response.end(await askOnce(askSlow).catch(() => 'cancelled'));
    });
    assert.equal(body, 'cancelled');
    assert.equal(asked().attributes['cancel.initiator'], 'inherited');
  });

  it('is no late operation', async () => {
    const port = await serve(async (_request, response) => {
      await once(response, 'close');
      await delay(60);
      await detached(askSlow);
    });
    const request = http.get({ port, host: '127.0.0.1' }).on('error', () => {});
    await delay(60);
    request.destroy();
    await delay(500);
    assert.deepEqual(findings(), []);
    assert.equal(asked().attributes['context.canceled'], undefined);
  });

  it('has no part in the deadline and the signal of the request', async () => {
    const port = await serve((_request, response) => {
      const inside = detached(() => [currentSignal(), currentDeadline()]);
      assert.ok(currentSignal() !== undefined && currentDeadline() !== undefined);
      response.end(JSON.stringify(inside));
    });
    assert.equal((await ask(port, { 'timeout-ms': '3000' })).body, '[null,null]');
  });

  it('gives back what the function returns, and throws what it throws', () => {
    assert.equal(
      detached(() => 'result'),
      'result',
    );
    assert.throws(
      () =>
        detached(() => {
          throw new Error('of the function');
        }),
      /of the function/,
    );
  });
});
