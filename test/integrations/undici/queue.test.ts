/** Requests that wait: for the one connection of a client, or for any of a pool. */
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { aborted, limitTo, rejection, unmarked, userLeaves } from './fetch-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';
import { startUndiciServer } from './server.ts';

const telemetry = new Telemetry(setup);
const server = await startUndiciServer();
const clients = (): ReadableSpan[] => telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
const tracer = trace.getTracer('test');

for (const { name, undici, agent } of undiciVersions().map(loadUndici)) {
  describe(`requests that wait for a connection, ${name}`, () => {
    const { Client, Pool, Agent } = undici;
    beforeEach(() => telemetry.reset());
    after(() => agent.destroy());

    /** Of a test that fails, too: the server waits for all of them. */
    const held = new Set<{ destroy(): unknown }>();
    afterEach(() => {
      for (const body of held) body.destroy();
      held.clear();
    });

    const aMoment = () => new Promise((resolve) => setTimeout(resolve, 10));

    /** While its connection is busy still: what waits for it has ended. The owner of an official span has a moment to end it. */
    async function endedInQueue(): Promise<ReadableSpan> {
      const until = performance.now() + 2_000;
      while (clients().length === 0 && performance.now() < until) await aMoment();
      const [span, ...others] = clients();
      assert.ok(span && others.length === 0, `${clients().length} spans`);
      return span;
    }

    /** A dispatcher all of whose connections are busy until `release` is called. */
    async function busy<T extends InstanceType<typeof Client | typeof Pool | typeof Agent>>(dispatcher: T) {
      const { body } = await dispatcher.request({ origin: server.origin, path: '/body', method: 'GET' });
      body.on('error', () => {});
      held.add(body);
      return async () => {
        body.destroy();
        await server.idle();
      };
    }

    const { RetryAgent, interceptors } = undici;
    type Dispatcher = InstanceType<typeof Agent>;
    for (const [what, path, make] of [
      ['a RetryAgent', 'once', (agent: Dispatcher) => new RetryAgent(agent, { minTimeout: 1 })],
      ['retry()', 'once', (agent: Dispatcher) => agent.compose(interceptors.retry({ minTimeout: 1 }))],
      [
        'redirect()',
        'redirect',
        (agent: Dispatcher) => agent.compose(interceptors.redirect({ maxRedirections: 1 })),
      ],
    ] as const) {
      it(`what ${what} asks again, on a connection that somebody else has opened, is of its caller`, async () => {
        const agent = new Agent({ connections: 1 });
        const dispatcher = make(agent) as Dispatcher;
        const ask = (caller: string, asked: string) =>
          tracer.startActiveSpan(caller, async (span) => {
            const options = { origin: server.origin, path: asked, method: 'GET' } as const;
            await (await dispatcher.request(options)).body.text();
            span.end();
            return span.spanContext().spanId;
          });
        await ask('who opens the connection', '/');
        const caller = await ask('who is refused first', encodeURI(`/${path}/${name}-${what}`));
        await telemetry.allEnded();
        await agent.destroy();
        const [, ...attempts] = clients();
        assert.deepEqual(
          attempts.map(({ parentSpanContext }) => parentSpanContext?.spanId),
          [caller, caller],
        );
      });
    }

    for (const [what, make] of [
      ['a pool', () => new Pool(server.origin, { connections: 1 })],
      ['an agent', () => new Agent({ connections: 1 })],
    ] as const) {
      it(`a request that waits in ${what} when the process ends is cut as what is in flight`, async () => {
        const dispatcher = make();
        const release = await busy<InstanceType<typeof Pool | typeof Agent>>(dispatcher);
        const waiting = dispatcher.request({ origin: server.origin, path: '/queued', method: 'GET' });
        await aMoment();
        (function shutDown() {
          telemetry.instrumentation.recordUnfinished('SIGTERM');
        })();
        const spans = clients().filter(({ attributes }) =>
          String(attributes['url.full']).endsWith('/queued'),
        );
        const [span, ...others] = spans;
        assert.ok(span && others.length === 0, `${spans.length} spans`);
        checkSpan(
          span,
          {
            outcome: 'context.canceled',
            initiator: 'local',
            trigger: 'exit',
            phase: 'queued',
            status: 'unset',
            reason: 'SIGTERM',
            origin: 'shutDown',
          },
          'CLIENT',
        );
        assert.ok(span.duration[0] > 0 || span.duration[1] > 5e6, 'from when it began to wait');
        // It goes on, and is not recorded once more.
        const answered = waiting.then(({ body }) => body.dump());
        await release();
        await answered;
        await dispatcher.destroy();
        await telemetry.allEnded();
        assert.equal(clients().length, 2);
        assert.deepEqual(telemetry.endedTwice, []);
        assert.deepEqual(telemetry.diagnostics, []);
      });
    }

    it('a request that is aborted in the queue of a client ends at once', async () => {
      const client = new Client(server.origin);
      const release = await busy(client);
      const controller = new AbortController();
      const promise = rejection(
        client.request({ path: '/second', method: 'GET', signal: controller.signal }),
      );
      userLeaves(controller, 'impatient');
      const span = await endedInQueue();
      checkSpan(span, { ...aborted, phase: 'queued', reason: 'impatient', origin: 'userLeaves' }, 'CLIENT');
      await release();
      await promise;
      await client.destroy();
      await telemetry.allEnded();
      assert.equal(clients().length, 2);
      assert.deepEqual(telemetry.endedTwice, []);
    });

    for (const [what, make] of [
      ['a pool', () => new Pool(server.origin, { connections: 1 })],
      ['an agent', () => new Agent({ connections: 1 })],
    ] as const) {
      it(`a request that is aborted in the queue of ${what} has one span, from the call to the abort`, async () => {
        const pool = make();
        const release = await busy(pool);
        const controller = new AbortController();
        const promise = rejection(
          pool.request({
            origin: server.origin,
            path: '/second?a=b',
            method: 'GET',
            signal: controller.signal,
          }),
        );
        await new Promise((resolve) => setTimeout(resolve, 30));
        userLeaves(controller, 'impatient');
        const span = await endedInQueue();
        checkSpan(
          span,
          {
            ...aborted,
            phase: 'queued',
            reason: 'impatient',
            origin: 'userLeaves',
            attributes: { 'url.full': `${server.origin}/second?a=b` },
          },
          'CLIENT',
        );
        assert.ok(span.duration[1] > 20e6, `lasted ${span.duration}`);
        await release();
        await promise;
        await pool.destroy();
        await telemetry.allEnded();
        assert.equal(clients().length, 2);
        assert.deepEqual(telemetry.diagnostics, []);
      });
    }

    it('a limit that passes in the queue of a pool is a deadline, set where the signal was made', async () => {
      const pool = new Pool(server.origin, { connections: 1 });
      const release = await busy(pool);
      const promise = rejection(pool.request({ path: '/second', method: 'GET', signal: limitTo(30) }));
      const span = await endedInQueue();
      checkSpan(
        span,
        {
          outcome: 'deadline_exceeded',
          trigger: 'signal_timeout',
          phase: 'queued',
          origin: 'limitTo',
          status: 'error',
          attributes: { 'error.type': 'TimeoutError', 'deadline.source': 'signal' },
        },
        'CLIENT',
      );
      await release();
      await promise;
      await pool.destroy();
    });

    it('a pool that is destroyed cancels what waits in it', async () => {
      const pool = new Pool(server.origin, { connections: 1 });
      await busy(pool);
      const promise = rejection(pool.request({ path: '/second', method: 'GET' }));
      async function hangUp(): Promise<void> {
        await pool.destroy();
      }
      await hangUp();
      await promise;
      await server.idle();
      await telemetry.allEnded();
      const spans = clients();
      assert.equal(spans.length, 2);
      for (const span of spans) {
        const phase = String(span.attributes['url.path']) === '/second' ? 'queued' : 'receive';
        checkSpan(
          span,
          {
            outcome: 'context.canceled',
            initiator: 'local',
            trigger: 'destroy',
            phase,
            origin: 'hangUp',
            status: 'unset',
          },
          'CLIENT',
        );
      }
    });

    it('what waited belongs to the span that called, not to the one that made room', async () => {
      const pool = new Pool(server.origin, { connections: 1 });
      const controller = new AbortController();
      const inSpan = (spanName: string) =>
        tracer.startActiveSpan(spanName, async (span) => {
          await pool
            .request({ path: '/late', method: 'GET', signal: controller.signal })
            .then(({ body }) => body.text());
          span.end();
          return span.spanContext();
        });
      const parents = await Promise.all([inSpan('one'), inSpan('two'), inSpan('three')]);
      await pool.close();
      await telemetry.allEnded();
      const spans = clients();
      assert.deepEqual(
        spans.map(({ parentSpanContext }) => parentSpanContext?.spanId),
        parents.map(({ spanId }) => spanId),
      );
      for (const span of spans) checkSpan(span, unmarked, 'CLIENT');
    });
  });
}

after(() => server.close());
