/** A net/http client that gives up, and a Node server that hears of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { event, HttpLab } from '../../integrations/http/lab.ts';
import type { Expectation } from '../../support/contract.ts';
import { GoClient, type Scenario } from '../../support/go-peer.ts';
import { interopSuite } from '../../support/interop.ts';

/** A Go process has to start and to connect within it. */
const timeoutMs = 1_000;

const left: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'disconnect',
  phase: 'handle',
  origin: null,
  status: 'unset',
};
const late: Expectation = { ...left, outcome: 'deadline_exceeded', status: 'error' };

await interopSuite('net/http client, Node server', async (binary, check) => {
  const lab = new HttpLab();
  let handler: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  const { port } = await lab.serve((request, response) => handler(request, response));
  const address = `127.0.0.1:${port}`;

  /** Starts a Go client and waits until the handler was called, which then only waits. */
  async function held(
    scenario: Partial<Scenario>,
    then: (response: ServerResponse) => void = () => {},
  ): Promise<{ client: GoClient; headers: IncomingMessage['headers']; over: Promise<unknown> }> {
    const called = event<{ headers: IncomingMessage['headers']; over: Promise<unknown> }>();
    handler = (request, response) => {
      called.resolve({ headers: request.headers, over: once(response, 'close') });
      then(response);
    };
    const client = new GoClient(binary, { address, kind: 'http', ...scenario });
    return { client, ...(await called.promise) };
  }

  function assertTimeout(span: ReadableSpan, totalMs: number): void {
    const readMs = Number(span.attributes['deadline.timeout_ms']);
    assert.ok(readMs > 0 && readMs <= totalMs, `deadline.timeout_ms is ${readMs}`);
    assert.ok(readMs > totalMs - 500, `deadline.timeout_ms is ${readMs}, much less than ${totalMs}`);
  }

  const tests: Record<string, () => Promise<unknown>> = {
    async 'a Go client that cancels its context before the head is a disconnect'() {
      const { client, over } = await held({});
      client.cancel();
      await over;
      assert.equal((await client.ended()).context, 'context canceled');
      await check(SpanKind.SERVER, left);
      await client.close();
    },
    async 'a Go client that cancels its context in the body is a disconnect'() {
      const { client, over } = await held({}, (response) => response.write('first'));
      client.cancel();
      await over;
      await client.ended();
      await check(SpanKind.SERVER, { ...left, phase: 'write' });
      await client.close();
    },
    async 'without a header nobody can know that it was the deadline of a Go client'() {
      const { client, headers, over } = await held({ timeoutMs });
      assert.equal(headers['timeout-ms'], undefined);
      await over;
      assert.equal((await client.ended()).context, 'context deadline exceeded');
      await check(SpanKind.SERVER, left);
      await client.close();
    },
    async 'a Go client that cancels before the deadline in its header is no deadline exceeded'() {
      const { client, over } = await held({ timeoutMs: 60_000, headers: ['Timeout-Ms'] });
      client.cancel();
      await over;
      await client.ended();
      const span = await check(SpanKind.SERVER, { ...left, attributes: { 'deadline.source': 'timeout-ms' } });
      assertTimeout(span, 60_000);
      await client.close();
    },
    async 'a Go client that is answered before its deadline leaves no mark'() {
      const headers = ['Timeout-Ms', 'X-Request-Deadline'] as const;
      const { client } = await held({ timeoutMs: 60_000, headers }, (response) => response.end('pong'));
      assert.equal((await client.ended()).status, '200 OK');
      const attributes = { 'deadline.source': 'timeout-ms' };
      assertTimeout(await check(SpanKind.SERVER, { outcome: undefined, attributes }), 60_000);
      await client.close();
    },
  };

  for (const timeoutBy of ['context', 'client'] as const) {
    const whose = timeoutBy === 'context' ? "a Go context's deadline" : "a Go http.Client's Timeout";
    for (const [headers, source] of [
      [['Timeout-Ms'], 'timeout-ms'],
      [['X-Request-Deadline'], 'x-request-deadline'],
      // The relative one needs no common clock.
      [['X-Request-Deadline', 'Timeout-Ms'], 'timeout-ms'],
    ] as const) {
      tests[`${whose} that a RoundTripper writes as ${headers.join(' and ')} is a deadline exceeded`] =
        async () => {
          const { client, over } = await held({ timeoutMs, timeoutBy, headers });
          await over;
          // http.Client.Timeout says it in one way or the other.
          assert.match((await client.ended()).error, /(?:deadline|Timeout) exceeded/);
          const attributes = { 'deadline.source': source };
          assertTimeout(await check(SpanKind.SERVER, { ...late, attributes }), timeoutMs);
          await client.close();
        };
    }
  }
  return { tests, close: () => lab.close() };
});
