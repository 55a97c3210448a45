import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { setup } from '../support/setup.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry(setup);
const { closeServers, serve } = await import('../integrations/http/chain.ts');
const { default: http } = await import('node:http');
const { default: http2 } = await import('node:http2');

after(closeServers);
beforeEach(() => telemetry.reset());

const BACKEND_MS = 150;
const backend = await serve((_request, response) => void setTimeout(() => response.end('done'), BACKEND_MS));
const http2Server = http2
  .createServer((_request, response) => void setTimeout(() => response.end('done'), BACKEND_MS))
  .listen(0, '127.0.0.1');
await once(http2Server, 'listening');
const backendOfHttp2 = (http2Server.address() as AddressInfo).port;
after(() => http2Server.close());
/** Asks the backend with the limit that the query says: an idle one, or the signal of one. */
const gateway = await serve((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://gateway');
  const timeoutMs = Number(searchParams.get('timeout'));
  const limitMs = Number(searchParams.get('limit'));
  if (request.url?.startsWith('/http2')) {
    const session = http2.connect(`http://127.0.0.1:${backendOfHttp2}`);
    const stream = session.request({});
    stream.setTimeout(timeoutMs);
    stream.resume().on('end', () => {
      session.close();
      response.end();
    });
    return;
  }
  const options = {
    port: backend,
    host: '127.0.0.1',
    ...(timeoutMs > 0 && { timeout: timeoutMs }),
    ...(limitMs > 0 && { signal: AbortSignal.timeout(limitMs) }),
  };
  http.get(options, (answer) => answer.pipe(response)).on('error', () => response.end());
});

async function outgoing(path: string, headers: Record<string, string | string[]>): Promise<ReadableSpan> {
  await new Promise((resolve, reject) => {
    http
      .get({ port: gateway, host: '127.0.0.1', path, headers }, (answer) =>
        answer.resume().on('end', resolve),
      )
      .on('error', reject);
  });
  await telemetry.allEnded();
  const server = incoming();
  const span = telemetry.ended.find(
    ({ kind, parentSpanContext }) =>
      kind === SpanKind.CLIENT && parentSpanContext?.spanId === server.spanContext().spanId,
  );
  assert.ok(span, 'the gateway asked');
  return span;
}

/** The SERVER span of the gateway: the one whose CLIENT span is a root. */
function incoming(): ReadableSpan {
  const server = telemetry.ended.find((span) => {
    const parentId = span.parentSpanContext?.spanId;
    const parent = telemetry.ended.find((other) => other.spanContext().spanId === parentId);
    return span.kind === SpanKind.SERVER && parent?.kind === SpanKind.CLIENT && !parent.parentSpanContext;
  });
  assert.ok(server);
  return server;
}

function findingsOf({ events }: ReadableSpan): unknown[] {
  return events
    .filter(({ name }) => name === 'cancel.finding')
    .map(({ attributes }) => [
      attributes?.['cancel.finding.rule'],
      String(attributes?.['cancel.finding.detail']).replaceAll(/\d+/g, '#'),
    ]);
}

const NONE_KNOWN = 'ran on for # ms after the deadline of its incoming operation: it has none that is known';

it('what has no limit, and runs on after the deadline of the incoming operation, drops it', async () => {
  const span = await outgoing('/', { 'timeout-ms': '60' });
  assert.equal(span.attributes['cancel.finding'], 'deadline_dropped');
  assert.deepEqual(findingsOf(span), [['deadline_dropped', NONE_KNOWN]]);
  assert.equal(incoming().attributes['deadline.source'], 'timeout-ms');
  assert.equal(incoming().attributes['deadline.timeout_ms'], 60);
  assert.ok(Number(incoming().attributes['deadline.deviation_ms']) > 0);
});

it('what has a later one, and runs on, extends it', async () => {
  const span = await outgoing('/?limit=900', { 'x-request-timeout': '60' });
  const detail = 'ran on for # ms after the deadline of its incoming operation: its own is # ms later';
  assert.deepEqual(findingsOf(span), [['deadline_extended', detail]]);
});

for (const path of ['/?timeout=900', '/http2?timeout=900', '/http2?timeout=40'])
  it(`an idle limit does not end in time what runs on: ${path}`, async () => {
    const span = await outgoing(path, { 'x-request-timeout': '60' });
    assert.deepEqual(findingsOf(span), [['deadline_dropped', NONE_KNOWN]]);
  });

for (const [what, path, timeoutMs] of [
  ['no limit', '/', 3_000],
  ['a later limit', '/?limit=9000', 3_000],
  ['an earlier limit', '/?limit=40', 3_000],
  ['an earlier limit, which passes', '/?limit=40', 60],
] as const) {
  it(`what is over in time is right, with ${what}`, async () => {
    const span = await outgoing(path, { 'timeout-ms': String(timeoutMs) });
    assert.deepEqual(findingsOf(span), []);
  });
}

it('without an incoming deadline there is nothing to drop', async () => {
  const span = await outgoing('/', {});
  assert.ok(!('cancel.finding' in span.attributes));
  assert.ok(!('deadline.timeout_ms' in incoming().attributes));
});

it('a malformed deadline is named with its value, and sets no limit', async () => {
  const span = await outgoing('/', { 'connect-timeout-ms': 'soon' });
  assert.ok(!('cancel.finding' in span.attributes));
  const server = incoming();
  assert.equal(server.attributes['cancel.finding'], 'timeout_malformed');
  assert.ok(!('deadline.timeout_ms' in server.attributes));
  const [event] = server.events.filter(({ name }) => name === 'cancel.finding');
  assert.match(
    String(event?.attributes?.['cancel.finding.detail']),
    /^connect-timeout-ms: "soon" breaks its grammar/,
  );
});

it('a doubled deadline is malformed', async () => {
  await outgoing('/', { 'connect-timeout-ms': ['100', '200'] });
  assert.equal(incoming().attributes['cancel.finding'], 'timeout_malformed');
});

it('a client that leaves when the deadline it sent is due has exceeded it', async () => {
  const slow = await serve(() => {});
  const request = http
    .get({ port: slow, host: '127.0.0.1', headers: { 'timeout-ms': '120' } })
    .on('error', () => {});
  setTimeout(() => request.destroy(), 125);
  await telemetry.allEnded().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 250));
  const server = incoming();
  assert.equal(server.attributes.deadline_exceeded, true);
  assert.equal(server.attributes['cancel.trigger'], 'disconnect');
  assert.equal(server.attributes['cancel.initiator'], 'peer');
});
