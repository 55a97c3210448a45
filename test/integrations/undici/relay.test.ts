/** A server that passes the answer of another on as its own: its client leaves, or an end of the relay is destroyed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { loadUndici, undiciVersions } from './library.ts';

const telemetry = new Telemetry(setup);
const { closeServers, serve } = await import('../http/chain.ts');
const { default: http } = await import('node:http');
beforeEach(() => telemetry.reset());
after(closeServers);

/** Never comes to an end. */
const origin = `http://127.0.0.1:${await serve((_request, response) => {
  const timer = setInterval(() => response.write('chunk'), 5);
  response.on('close', () => clearInterval(timer));
})}`;

type Relay = (response: ServerResponse) => Promise<unknown>;

/** The spans of the relay: of who serves, and of who asks. */
async function relayed(
  relay: Relay,
  act: (answer: IncomingMessage, response: ServerResponse) => void,
): Promise<[server: ReadableSpan, client: ReadableSpan]> {
  let served: ServerResponse | undefined;
  const port = await serve((_request, response) => {
    served = response.on('error', () => {});
    relay(response).catch(() => {});
  });
  const [answer] = (await once(
    http.get({ port, host: '127.0.0.1' }).on('error', () => {}),
    'response',
  )) as [IncomingMessage];
  await once(
    answer.on('error', () => {}),
    'data',
  );
  assert.ok(served);
  const closed = once(served, 'close');
  act(answer, served);
  await closed;
  await telemetry.allEnded();
  const { ended } = telemetry;
  const idOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId;
  // Three calls, one inside of the other: the middle one is the relay's.
  const client = ended.find(
    ({ kind, parentSpanContext }) => kind === SpanKind.CLIENT && parentSpanContext !== undefined,
  );
  const server = ended.find((span) => idOf(span) === client?.parentSpanContext?.spanId);
  assert.ok(server && client);
  return [server, client];
}

function words({ attributes, status }: ReadableSpan, cause?: ReadableSpan): unknown[] {
  const { 'cancel.initiator': initiator, 'cancel.trigger': trigger, 'cancel.origin': origin } = attributes;
  assert.equal(attributes['context.canceled'], true);
  assert.equal(status.code, SpanStatusCode.UNSET);
  assert.equal(attributes['cancel.finding'], undefined);
  assert.equal(attributes['cancel.cause.span_id'], cause?.spanContext().spanId);
  return [initiator, trigger, origin && String(origin).replace(/ \(.*/, '')];
}

for (const version of undiciVersions()) {
  const { undici, agent, fetch } = loadUndici(version);
  after(() => agent.destroy());
  const options = { method: 'GET', dispatcher: agent } as const;
  const readable = async (): Promise<Readable> =>
    Readable.fromWeb((await fetch(origin)).body as unknown as ReadableStream);
  const relays: [what: string, relay: Relay, trigger: string][] = [
    ['stream()', (response) => undici.stream(origin, options, () => response), 'destroy'],
    [
      'pipeline()',
      (response) => pipeline(undici.pipeline(origin, options, ({ body }) => body).end(), response),
      'destroy',
    ],
    [
      'request()',
      async (response) => pipeline((await undici.request(origin, options)).body, response),
      'destroy',
    ],
    ['fetch()', async (response) => pipeline(await readable(), response), 'body_cancel'],
  ];
  describe(`${version}, ${setup}: the answer that is passed on of`, () => {
    for (const [what, relay, trigger] of relays) {
      it(`${what}, whose receiver leaves: it is the receiver's decision`, async () => {
        const [server, client] = await relayed(relay, (answer) => answer.destroy());
        assert.deepEqual(words(server), ['peer', 'disconnect', undefined]);
        assert.deepEqual(words(client, server), ['inherited', trigger, undefined]);
      });

      for (const error of [undefined, new Error('enough')]) {
        it(`${what}, whose response is destroyed, ${error ? 'with an error' : 'without one'}: it is that line's`, async () => {
          const [server, client] = await relayed(relay, function letGo(_answer, response) {
            response.destroy(error);
          });
          assert.deepEqual(words(server), ['local', 'destroy', 'letGo']);
          // The response is the very stream that stream() writes to. The others are told by Node, a turn later.
          const origin = what === 'stream()' ? 'letGo' : undefined;
          assert.deepEqual(words(client, server), ['inherited', trigger, origin]);
        });
      }
    }
  });
}
