/** A gateway that streams from a model API, whose browser leaves: before the first word, or while words come. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { currentSignal } from '../../../src/index.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import type { Prompt, Sdk, Told } from './sdks.ts';
import { SILENT, Upstream } from './upstream.ts';

/** When the browser leaves. */
export type Moment = 'waiting' | 'midway';
/** What makes the upstream request end: the signal of the request, the instrumentation, or nothing does. */
export type Cure = 'signal' | 'propagate' | 'none';

/** The browser leaves a model that would go on for so long. */
const TOKENS = 40;
const WORDS_READ = 5;

export async function modelApiSuite(cure: Cure): Promise<void> {
  const telemetry = new Telemetry(setup, { propagate: { cancel: cure === 'propagate' } });
  const { closeServers, serve } = await import('../../integrations/http/chain.ts');
  const { default: http } = await import('node:http');
  const { sdks } = await import('./sdks.ts');
  const upstream = new Upstream();
  const unhandled: unknown[] = [];
  let baseURL = '';
  before(async () => {
    process.on('unhandledRejection', (reason) => unhandled.push(reason));
    baseURL = await upstream.listen();
  });
  after(() => {
    upstream.close();
    closeServers();
  });
  beforeEach(() => {
    telemetry.reset();
    upstream.asked.length = 0;
  });

  /** @returns what the handler was told, once the upstream request, the handler and all spans are over */
  async function leave(sdk: Sdk, moment: Moment): Promise<Told> {
    let told: (value: Told) => void = () => {};
    const ends = new Promise<Told>((resolve) => {
      told = resolve;
    });
    const port = await serve(async (_request, response) => {
      const prompt: Prompt = {
        model: moment === 'waiting' ? SILENT : 'any',
        tokens: TOKENS,
        signal: cure === 'signal' ? currentSignal() : undefined,
      };
      let words = 0;
      const write = (word: string): void => {
        if (++words === WORDS_READ) request.destroy();
        response.write(word);
      };
      await sdk
        .stream(baseURL, prompt, write)
        .then(told, (error) => told(error.name === 'AbortError' ? error.name : error.constructor.name));
      response.end();
    });
    const request = http.get({ port, host: '127.0.0.1' }, (answer) => answer.on('error', () => {}).resume());
    request.on('error', () => {});
    upstream.onAsked = () => {
      if (moment === 'waiting') request.destroy();
    };
    const value = await ends;
    for (const { closed } of upstream.asked) await closed;
    await telemetry.allEnded();
    await new Promise(setImmediate);
    assert.deepEqual(unhandled, []);
    return value;
  }

  function spanOf(kind: SpanKind, isIt: (span: ReadableSpan) => boolean): ReadableSpan {
    const [span, ...others] = telemetry.ended.filter((span) => span.kind === kind && isIt(span));
    assert.ok(span);
    assert.deepEqual(others, [], 'one');
    return span;
  }

  describe(`a model that is left, ${cure}, ${setup}`, () => {
    for (const sdk of sdks) {
      if (cure === 'none') {
        it(`${sdk.name}: goes on for nobody, and it is said`, async () => {
          assert.equal(await leave(sdk, 'midway'), 'end');
          assert.equal(upstream.asked[0]?.tokens, TOKENS);
          assert.equal(await upstream.asked[0].closed, true);
          assert.equal(outgoing().attributes['cancel.finding'], 'cancel_not_propagated');
        });
        continue;
      }
      for (const moment of ['midway', 'waiting'] as const) {
        it(`${sdk.name}: is stopped, ${moment}, and not asked again`, async () => {
          const told = await leave(sdk, moment);
          assert.equal(told, (cure === 'signal' ? sdk.toldBySignal : sdk.toldByPropagate)[moment]);
          assert.equal(upstream.asked.length, 1);
          assert.equal(await upstream.asked[0]?.closed, false);
          assert.ok(Number(upstream.asked[0]?.tokens) < TOKENS);
          const { attributes } = outgoing();
          assert.equal(attributes['context.canceled'], true);
          assert.equal(attributes['cancel.initiator'], 'inherited');
          assert.equal(attributes['cancel.trigger'], 'abort');
          assert.equal(attributes['cancel.phase'], moment === 'midway' ? 'receive' : 'wait');
          const incoming = spanOf(SpanKind.SERVER, ({ attributes }) => attributes['url.path'] === '/');
          assert.equal(incoming.attributes['cancel.initiator'], 'peer');
          assert.equal(attributes['cancel.cause.span_id'], incoming.spanContext().spanId);
          const served = spanOf(SpanKind.SERVER, ({ attributes }) => attributes['url.path'] !== '/');
          assert.equal(served.attributes['cancel.initiator'], 'peer');
          assert.equal(served.attributes['cancel.trigger'], 'disconnect');
          for (const { name, kind, attributes } of telemetry.ended)
            if (kind === SpanKind.CLIENT) assert.equal(attributes['cancel.finding'], undefined, name);
        });
      }
    }

    function outgoing(): ReadableSpan {
      return spanOf(SpanKind.CLIENT, ({ name, attributes }) => {
        return name === 'POST' && attributes['url.full'] !== undefined;
      });
    }
  });
}
