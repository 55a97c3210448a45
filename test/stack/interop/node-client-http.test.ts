/** A Node client that gives up, and a net/http server that hears of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { SpanKind } from '@opentelemetry/api';
import { closed, HttpLab, responseTo } from '../../integrations/http/lab.ts';
import type { Expectation } from '../../support/contract.ts';
import { GoServer } from '../../support/go-peer.ts';
import { interopSuite } from '../../support/interop.ts';

await interopSuite('Node client, net/http server', async (binary, check) => {
  const { http } = new HttpLab();
  const server = await GoServer.start(binary);
  const url = `http://${server.http}`;

  const destroyed: Expectation = {
    outcome: 'context.canceled',
    initiator: 'local',
    trigger: 'destroy',
    phase: 'wait',
    origin: 'destroyRequest',
    status: 'unset',
  };
  const timedOut: Expectation = {
    outcome: 'deadline_exceeded',
    initiator: 'local',
    trigger: 'signal_timeout',
    phase: 'wait',
    origin: 'limit',
    status: 'error',
    attributes: { 'deadline.source': 'signal' },
  };

  /** Waits until the Go handler has been entered, and says in which trace. */
  async function entered(path: string): Promise<string | undefined> {
    const sighting = await server.next();
    assert.equal(sighting.entered, path);
    return sighting.traceparent;
  }

  async function goIsTold(): Promise<void> {
    assert.equal((await server.next()).saw, 'context canceled');
  }

  const tests: Record<string, () => Promise<unknown>> = {
    async 'req.destroy() before the head cancels the context of the Go handler, which is in the trace'() {
      const request = http.get(`${url}/wait`, { agent: false });
      const end = closed(request);
      const traceparent = await entered('/wait');
      destroyRequest(request);
      await Promise.all([end, goIsTold()]);
      const span = await check(SpanKind.CLIENT, destroyed);
      const { traceId, spanId } = span.spanContext();
      assert.equal(traceparent, `00-${traceId}-${spanId}-01`);
    },
    async 'req.destroy() in the body cancels the context of the Go handler'() {
      const request = http.get(`${url}/body`, { agent: false });
      const response = await responseTo(request);
      await once(response, 'data');
      await entered('/body');
      const end = once(request, 'close');
      destroyRequest(request);
      await Promise.all([end, goIsTold()]);
      await check(SpanKind.CLIENT, { ...destroyed, phase: 'receive' });
    },
    async 'http.get() with AbortSignal.timeout() cancels the context of the Go handler'() {
      const request = http.get(`${url}/wait`, { agent: false, signal: limit(300) });
      const end = closed(request);
      await entered('/wait');
      await Promise.all([end, goIsTold()]);
      await check(SpanKind.CLIENT, timedOut);
    },
    async 'fetch with AbortSignal.timeout() cancels the context of the Go handler'() {
      const end = assert.rejects(fetch(`${url}/wait`, { signal: limit(300) }), { name: 'TimeoutError' });
      await entered('/wait');
      await Promise.all([end, goIsTold()]);
      await check(SpanKind.CLIENT, timedOut);
    },
    async 'fetch aborted by its caller cancels the context of the Go handler'() {
      const controller = new AbortController();
      const end = assert.rejects(fetch(`${url}/wait`, { signal: controller.signal }), /user left/);
      await entered('/wait');
      (function leave() {
        controller.abort(new Error('user left'));
      })();
      await Promise.all([end, goIsTold()]);
      await check(SpanKind.CLIENT, {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'abort',
        phase: 'wait',
        reason: 'user left',
        origin: 'leave',
      });
    },
    async 'a fetch body that is cancelled cancels the context of the Go handler'() {
      const response = await fetch(`${url}/body`);
      await entered('/body');
      await Promise.all([response.body?.cancel(), goIsTold()]);
      await check(SpanKind.CLIENT, {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'body_cancel',
        phase: 'receive',
      });
    },
    async 'a 504 of the Go handler is the decision of the peer'() {
      const response = await responseTo(http.get(`${url}/timeout`, { agent: false }));
      await entered('/timeout');
      const end = once(response, 'end');
      response.resume();
      await end;
      await check(SpanKind.CLIENT, {
        outcome: 'deadline_exceeded',
        initiator: 'peer',
        trigger: 'status',
        origin: null,
      });
    },
    async 'a Go handler that answers leaves no mark'() {
      const response = await fetch(`${url}/`, { signal: limit(60_000) });
      assert.equal(await response.text(), 'pong');
      await entered('/');
      await check(SpanKind.CLIENT, { outcome: undefined, attributes: { 'deadline.source': 'signal' } });
    },
  };
  return { tests, close: () => server.close() };
});

function destroyRequest(request: ClientRequest): void {
  request.destroy();
}

function limit(timeoutMs: number): AbortSignal {
  return AbortSignal.timeout(timeoutMs);
}
