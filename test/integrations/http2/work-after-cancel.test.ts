import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Telemetry } from '../../support/telemetry.ts';
import { type Api, type Handler, Http2Lab } from './lab.ts';

const telemetry = new Telemetry('alone');
const lab = new Http2Lab();
const { NGHTTP2_CANCEL } = http2.constants;

/** Cancels a request in front of this handler; returns the span of the work that went on, if there was some. */
async function workAfterCancel(api: Api, handler: Handler): Promise<ReadableSpan | undefined> {
  const peer = await lab.serve(handler, { api });
  telemetry.reset();
  const { client, over } = await peer.arrived();
  client.close(NGHTTP2_CANCEL);
  await over;
  await wait(200);
  const served = telemetry.ended.find(({ attributes }) => 'url.path' in attributes);
  const work = telemetry.ended.find(({ name }) => name === 'work after cancel');
  if (work !== undefined) assert.equal(work.parentSpanContext?.spanId, served?.spanContext().spanId);
  return work;
}

function later(stream: http2.ServerHttp2Stream, act: () => unknown): void {
  stream.once('aborted', () => setTimeout(act, 80));
}

describe('a handler that goes on after the cancel of its stream', () => {
  after(() => lab.close());

  for (const api of ['core', 'compat'] as const) {
    it(`${api}: answers late`, async () => {
      const work = await workAfterCancel(api, ({ stream, response }) => {
        later(stream, () => (response ?? stream).end('late'));
      });
      assert.equal(work?.attributes['cancel.late_writes'], 1);
      assert.equal(work.attributes['cancel.settled'], true);
      assert.ok(Number(work.attributes['cancel.wasted_ms']) >= 60);
    });

    it(`${api}: returned a promise that settles late`, async () => {
      const work = await workAfterCancel(api, async ({ stream }) => {
        await once(stream, 'aborted');
        await wait(80);
      });
      assert.equal(work?.attributes['cancel.late_writes'], 0);
      assert.ok(Number(work.attributes['cancel.wasted_ms']) >= 60);
    });

    it(`${api}: stops when told`, async () => {
      // A busy machine looks late at the promise of a handler: then there is a short span.
      for (let attempt = 1; attempt <= 5; attempt++) {
        const work = await workAfterCancel(api, async ({ stream }) => {
          await once(stream, 'aborted');
        });
        if (work === undefined) return;
        assert.equal(work.attributes['cancel.finding'], undefined);
      }
      assert.fail('each time there was a span');
    });
  }

  it('core: respond() throws as ever, and is counted', async () => {
    const codes: unknown[] = [];
    const work = await workAfterCancel('core', ({ stream }) => {
      later(stream, () => {
        try {
          stream.respond({});
        } catch (error) {
          codes.push((error as NodeJS.ErrnoException).code);
        }
        stream.end();
      });
    });
    assert.deepEqual(codes, ['ERR_HTTP2_INVALID_STREAM']);
    assert.equal(work?.attributes['cancel.late_writes'], 2);
  });
});

describe("an HTTP/2 server's listeners", () => {
  after(() => lab.close());

  it('are shown, counted and removed as before', async () => {
    const peer = await lab.serve(() => {}, { api: 'compat' });
    const calls: string[] = [];
    function always(this: unknown): void {
      assert.equal(this, peer.server);
      calls.push('always');
    }
    const onlyOnce = (): unknown => calls.push('once');
    peer.server.on('request', always);
    peer.server.once('request', onlyOnce);
    const before = peer.server.listeners('request');
    const { client, response, over } = await peer.arrived();
    response?.end();
    client.resume();
    await over;
    assert.deepEqual(
      peer.server.listeners('request'),
      before.filter((listener) => listener !== onlyOnce),
    );
    peer.server.removeListener('request', always);
    assert.equal(peer.server.listenerCount('request'), 1);
    const second = await peer.arrived();
    second.response?.end();
    second.client.resume();
    await second.over;
    assert.deepEqual(calls, ['always', 'once']);
  });
});
