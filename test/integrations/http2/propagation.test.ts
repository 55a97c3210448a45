import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, beforeEach, describe, it } from 'node:test';
import { context, SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Telemetry } from '../../support/telemetry.ts';
import { type Api, Http2Lab, isOver } from './lab.ts';

const { NGHTTP2_CANCEL } = http2.constants;
const telemetry = new Telemetry('alone');
const lab = new Http2Lab();

function span(kind: SpanKind, name?: string): ReadableSpan {
  const found = telemetry.ended.filter(
    (ended) => ended.kind === kind && (name === undefined || ended.name === name),
  );
  assert.equal(found.length, 1, `one ${SpanKind[kind]} span`);
  return found[0] as ReadableSpan;
}

describe('trace context over HTTP/2', () => {
  after(() => lab.close());
  beforeEach(() => telemetry.reset());

  for (const api of ['core', 'compat'] as const) {
    it(`${api}: the server's span is the child of the client's, which is the child of the active one`, async () => {
      const peer = await lab.serve(() => {}, { api });
      const session = await peer.session();
      const root = trace.getTracer('test').startSpan('root');
      const arrived = context.with(trace.setSpan(context.active(), root), () =>
        peer.arrived({}, {}, session),
      );
      const { client, stream, over } = await arrived;
      client.resume();
      stream.respond({}, { endStream: true });
      await over;
      root.end();
      const [sent, served] = [span(SpanKind.CLIENT), span(SpanKind.SERVER)];
      assert.equal(sent.parentSpanContext?.spanId, root.spanContext().spanId);
      assert.equal(served.parentSpanContext?.spanId, sent.spanContext().spanId);
      assert.equal(served.parentSpanContext?.isRemote, true);
    });

    it(`${api}: handlers and listeners of the request run in the operation's context`, async () => {
      const active: Record<string, string | undefined> = {};
      const see = (where: string): void => {
        active[where] = trace.getActiveSpan()?.spanContext().spanId;
      };
      const peer = await lab.serve(
        ({ stream, request }) => {
          see('handler');
          (request ?? stream).on('data', () => see('data'));
          (request ?? stream).on('end', () => {
            see('end');
            setImmediate(() => see('later'));
          });
          (request ?? stream).on('aborted', () => see('aborted'));
          stream.on('close', () => see('close'));
        },
        { api },
      );
      const { client, stream, over } = await peer.arrived({ ':method': 'POST' });
      client.end('body');
      await once(stream, 'end');
      await new Promise((resolve) => setTimeout(resolve, 10));
      client.close(NGHTTP2_CANCEL);
      await over;
      const served = span(SpanKind.SERVER).spanContext().spanId;
      for (const where of ['handler', 'data', 'end', 'later', 'aborted', 'close']) {
        assert.equal(active[where], served, where);
      }
    });
  }

  it("a client's listeners run in the caller's context, not in the request's", async () => {
    const peer = await lab.serve(({ stream }) => stream.respond({}, { endStream: true }));
    const session = await peer.session();
    const root = trace.getTracer('test').startSpan('root');
    const seen = await context.with(trace.setSpan(context.active(), root), async () => {
      const client = session.request();
      client.resume();
      const response = new Promise<string | undefined>((resolve) =>
        client.on('response', () => resolve(trace.getActiveSpan()?.spanContext().spanId)),
      );
      await isOver(client);
      return response;
    });
    root.end();
    assert.equal(seen, root.spanContext().spanId);
  });

  it('a trace context that the application wrote is replaced, whatever its case', async () => {
    const peer = await lab.serve(() => {});
    const { client, headers, over } = await peer.arrived({
      TraceParent: '00-00000000000000000000000000000001-0000000000000001-01',
    });
    client.close(NGHTTP2_CANCEL);
    await over;
    const { traceId, spanId } = span(SpanKind.CLIENT).spanContext();
    assert.equal(headers.traceparent, `00-${traceId}-${spanId}-01`);
  });

  it('headers in an array carry it, too', async (test) => {
    const peer = await lab.serve(() => {});
    const given = [
      ':method',
      'GET',
      ':path',
      '/array',
      'X-Test',
      '1',
      'traceparent',
      'wrong',
      'Traceparent',
      'too',
      'left',
    ];
    const copy = [...given];
    let arrived: Awaited<ReturnType<typeof peer.arrived>>;
    try {
      arrived = await peer.arrived(given as never);
    } catch {
      return test.skip('this version of Node takes no array');
    }
    const { client, headers, over } = arrived;
    if (headers[':path'] !== '/array') return test.skip('this version of Node takes no array');
    client.close(NGHTTP2_CANCEL);
    await over;
    const { traceId, spanId } = span(SpanKind.CLIENT).spanContext();
    assert.equal(headers.traceparent, `00-${traceId}-${spanId}-01`);
    assert.equal(headers['x-test'], '1');
    assert.equal('left' in headers, false);
    assert.match(String(span(SpanKind.CLIENT).attributes['url.full']), /\/array$/);
    assert.deepEqual(given, copy);
  });

  it('a cancel that a handler passes on is inherited', async () => {
    for (const api of ['core', 'compat'] satisfies Api[]) {
      telemetry.reset();
      const stock = await lab.serve(() => {});
      const session = await stock.session();
      let onward: Awaited<ReturnType<typeof stock.arrived>> | undefined;
      const gateway = await lab.serve(
        ({ stream, request }) => {
          const arrived = stock.arrived({ ':path': '/stock' }, {}, session);
          arrived.then((inFlight) => {
            onward = inFlight;
          });
          (request ?? stream).on('aborted', () => onward?.client.close(NGHTTP2_CANCEL));
        },
        { api },
      );
      const entered = once(stock.server, 'stream');
      const { client, over } = await lab.quietly(() => gateway.arrived());
      await entered;
      await new Promise((resolve) => setTimeout(resolve, 10));
      client.close(NGHTTP2_CANCEL);
      await over;
      await onward?.over;
      const [served, called] = telemetry.ended.filter(
        ({ attributes }) => attributes['url.path'] !== '/stock',
      );
      assert.equal(served?.attributes['cancel.initiator'], 'peer');
      assert.equal(called?.attributes['cancel.initiator'], 'inherited');
      assert.equal(called?.attributes['cancel.trigger'], 'cancel');
      assert.equal(called?.attributes['cancel.cause.span_id'], served?.spanContext().spanId);
      assert.equal(called?.parentSpanContext?.spanId, served?.spanContext().spanId);
    }
  });
});
