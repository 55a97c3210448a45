/**
 * recordUnfinished(): what is in flight is recorded as cut, once, and its spans are ended, those of the official
 * instrumentations as well; the application sees nothing, and goes on.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeEach, describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { answerAtOnce, KINDS } from './integrations/grpc/service.ts';
import { answerHttp2, startInFlightLab } from './support/in-flight-lab.ts';
import { setup } from './support/setup.ts';
import { Telemetry } from './support/telemetry.ts';

const telemetry = new Telemetry(setup, { propagate: { cancel: true } });
const { http, http2, url, arrived, heldCall } = await startInFlightLab();

beforeEach(() => telemetry.reset());

function shutDown(): void {
  telemetry.instrumentation.recordUnfinished('SIGTERM');
}

/** Records, looks at both spans, lets the operation end, and looks whether anything has come on top. */
async function cut(
  phases: { readonly client: string; readonly server: string },
  finish: () => Promise<unknown>,
): Promise<void> {
  assert.equal(telemetry.open.size, 2, 'a CLIENT and a SERVER span are open');
  shutDown();
  assert.equal(telemetry.open.size, 0);
  const spans = operations();
  assert.deepEqual(spans.map(({ kind }) => kind).toSorted(), [SpanKind.SERVER, SpanKind.CLIENT]);
  const told = spans.map(({ attributes, events }) => [{ ...attributes }, events.length]);
  for (const { kind, attributes, status } of spans) {
    assert.equal(attributes['context.canceled'], true);
    assert.equal(attributes['cancel.trigger'], 'exit');
    assert.equal(attributes['cancel.initiator'], 'local');
    assert.equal(attributes['cancel.reason'], 'SIGTERM');
    assert.match(String(attributes['cancel.origin']), /^shutDown \(.*unfinished\.test\.ts:/);
    assert.equal(attributes['cancel.phase'], kind === SpanKind.SERVER ? phases.server : phases.client);
    const isGrpcClient = kind === SpanKind.CLIENT && 'rpc.method' in attributes;
    assert.equal(status.code, isGrpcClient ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
  }
  shutDown();
  await finish();
  assert.deepEqual(
    operations().map(({ attributes, events }) => [{ ...attributes }, events.length]),
    told,
  );
  assert.equal(telemetry.open.size, 0);
  assert.deepEqual(telemetry.endedTwice, []);
  assert.deepEqual(telemetry.diagnostics, []);
}

/** The span of the shutdown left out. */
function operations(): ReadableSpan[] {
  return telemetry.ended.filter(({ kind }) => kind !== SpanKind.INTERNAL);
}

describe(`recordUnfinished(), ${setup}`, () => {
  for (const kind of KINDS) {
    it(`gRPC, ${kind}`, async () => {
      const { serverCall, answer, ended } = await heldCall(kind);
      await cut({ client: 'wait', server: 'handle' }, async () => {
        answerAtOnce(serverCall, answer);
        assert.equal(await ended, null);
      });
    });
  }

  it('http', async () => {
    const response = arrived();
    const request = http.get(url, (answer) => answer.resume());
    const served = await response;
    await cut({ client: 'wait', server: 'handle' }, async () => {
      served.end('late');
      await once(request, 'close');
    });
  });

  it('http, in the middle of the answer', async () => {
    const response = arrived();
    const request = http.get(url);
    (await response).write('first');
    const [answer] = await once(request, 'response');
    await cut({ client: 'receive', server: 'write' }, async () => {
      const served = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
      if (setup === 'alone') assert.equal(served?.attributes['http.response.status_code'], 200);
      (await response).end('last');
      assert.equal((await answer.toArray()).join(''), 'firstlast');
    });
  });

  it('fetch', async () => {
    const response = arrived();
    const answer = fetch(url).then((result) => result.text());
    const served = await response;
    await cut({ client: 'wait', server: 'handle' }, async () => {
      served.end('late');
      assert.equal(await answer, 'late');
    });
  });

  it('HTTP/2', async () => {
    const peer = await http2.serve(() => {});
    const { client: stream, stream: served, over } = await peer.arrived();
    await cut({ client: 'wait', server: 'handle' }, async () => {
      answerHttp2(served);
      stream.resume();
      await over;
    });
  });

  it('a chain: what was made for the incoming operation has it as its cause, and is not stopped', async () => {
    const first = arrived();
    const request = http.get(url, (answer) => answer.resume());
    const outer = await first;
    const second = arrived();
    let inner: Promise<string> | undefined;
    // In the context of the first: its own listener.
    outer.req.once('end', () => {
      inner = fetch(`${url}inner`).then((answer) => answer.text());
    });
    outer.req.resume();
    const innermost = await second;
    assert.equal(telemetry.open.size, 4);
    shutDown();
    assert.equal(telemetry.open.size, 0);
    const spans = operations();
    const byName = (kind: SpanKind): ReadableSpan[] => spans.filter((span) => span.kind === kind);
    const inherited = byName(SpanKind.CLIENT).filter(
      ({ attributes }) => attributes['cancel.initiator'] === 'inherited',
    );
    assert.equal(inherited.length, 1);
    assert.equal(inherited[0]?.attributes['cancel.propagation_ms'], 0);
    const parent = byName(SpanKind.SERVER).find(
      (span) => span.spanContext().spanId === inherited[0]?.attributes['cancel.cause.span_id'],
    );
    assert.equal(parent?.spanContext().spanId, inherited[0]?.parentSpanContext?.spanId);
    assert.deepEqual(
      parent?.events.map(({ name }) => name),
      ['context.canceled', 'cancel.pending'],
    );
    innermost.end('late');
    assert.equal(await inner, 'late');
    outer.end();
    await once(request, 'close');
    assert.deepEqual(telemetry.diagnostics, []);
  });

  it('an operation that was cancelled in the same turn keeps its cause, and has an end', async () => {
    const response = arrived();
    const request = http.get(url).on('error', () => {});
    await response;
    request.destroy(new Error('enough'));
    shutDown();
    assert.equal(telemetry.open.size, 0);
    const spans = operations();
    assert.deepEqual(spans.map(({ attributes }) => attributes['cancel.trigger']).toSorted(), [
      'destroy',
      'exit',
    ]);
  });
});
