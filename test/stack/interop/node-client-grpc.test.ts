/** A Node client that gives up, and a grpc-go server that hears of it. */
import assert from 'node:assert/strict';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  type ClientCall,
  drain,
  GrpcService,
  KINDS,
  type Kind,
  loadGrpc,
  ready,
  startCall,
} from '../../integrations/grpc/service.ts';
import type { Expectation } from '../../support/contract.ts';
import { GoServer } from '../../support/go-peer.ts';
import { interopSuite } from '../../support/interop.ts';

await interopSuite('Node client, grpc-go server', async (binary, check) => {
  const grpc = loadGrpc();
  const server = await GoServer.start(binary);
  const service = new GrpcService(grpc);
  const client = await service.client(server.grpc);
  await ready(client);
  const tests: Record<string, () => Promise<unknown>> = {};

  function start(kind: Kind, what: string, deadline?: number): ReturnType<typeof startCall> {
    const metadata = new grpc.Metadata();
    metadata.set('do', what);
    const started = startCall(client, kind, deadline === undefined ? {} : { deadline }, metadata);
    drain(started.call);
    return started;
  }

  for (const kind of KINDS) {
    tests[`${kind}: cancel() ends the context of the Go handler, which is in the trace`] = async () => {
      const { call, ended } = start(kind, 'wait');
      const entered = await server.next();
      assert.equal(entered.entered, kind);
      assert.equal(entered.leftMs, undefined, 'no limit was set');
      cancelCall(call);
      assert.equal((await server.next()).saw, 'context canceled');
      await ended;
      const span = await check(SpanKind.CLIENT, {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'cancel',
        phase: 'wait',
        reason: 'Cancelled on client',
        origin: 'cancelCall',
        status: 'error',
        attributes: { 'rpc.grpc.rst_code': 8 },
      });
      assert.equal(entered.traceparent, traceparentOf(span));
    };

    tests[`${kind}: a deadline travels to the Go handler and passes on both sides`] = async () => {
      const { ended } = start(kind, 'wait', Date.now() + 500);
      const { leftMs = Number.NaN } = await server.next();
      assert.ok(leftMs > 0 && leftMs <= 500, `the handler has ${leftMs} ms left`);
      // Canceled when the client's reset is there before the server's own timer.
      assert.match(String((await server.next()).saw), /^context (deadline exceeded|canceled)$/);
      const { CANCELLED, DEADLINE_EXCEEDED } = grpc.status;
      const code = (await ended)?.code;
      const late: Expectation = {
        outcome: 'deadline_exceeded',
        phase: 'wait',
        status: 'error',
        attributes: { 'deadline.source': 'option' },
      };
      // At its own deadline grpc-go resets the stream. When that is here first, grpc-js says CANCELLED.
      assert.ok(code === DEADLINE_EXCEEDED || code === CANCELLED, `code ${code}`);
      const span = await check(
        SpanKind.CLIENT,
        code === CANCELLED
          ? { ...late, initiator: 'peer', trigger: 'reset' }
          : [
              { ...late, initiator: 'local', trigger: 'deadline', origin: 'startCall' },
              { ...late, initiator: 'peer', trigger: 'status' },
            ],
      );
      const timeoutMs = Number(span.attributes['deadline.timeout_ms']);
      assert.ok(timeoutMs > 400 && timeoutMs <= 500, `deadline.timeout_ms is ${timeoutMs}`);
    };

    for (const code of ['Canceled', 'DeadlineExceeded'] as const) {
      tests[`${kind}: codes.${code} from the Go handler is the peer's decision`] = async () => {
        const { ended } = start(kind, code);
        assert.equal((await server.next()).entered, kind);
        await ended;
        await check(SpanKind.CLIENT, {
          outcome: code === 'Canceled' ? 'context.canceled' : 'deadline_exceeded',
          initiator: 'peer',
          trigger: 'status',
          phase: 'wait',
          reason: 'not today',
          origin: null,
          status: 'error',
        });
      };
    }

    tests[`${kind}: a Go handler that answers leaves no mark`] = async () => {
      const { ended } = start(kind, 'answer', Date.now() + 60_000);
      assert.equal((await server.next()).entered, kind);
      assert.equal(await ended, null);
      await check(SpanKind.CLIENT, { outcome: undefined, attributes: { 'deadline.source': 'option' } });
    };
  }

  for (const kind of ['serverStream', 'bidi'] as const) {
    tests[`${kind}: cancel() after the first message is in the phase receive`] = async () => {
      const { call, ended } = start(kind, 'first');
      const firstMessage = new Promise((resolve) => call.once('data', resolve));
      assert.equal((await server.next()).entered, kind);
      await firstMessage;
      cancelCall(call);
      assert.equal((await server.next()).saw, 'context canceled');
      await ended;
      await check(SpanKind.CLIENT, {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'cancel',
        phase: 'receive',
        origin: 'cancelCall',
      });
    };
  }

  return {
    tests,
    async close() {
      service.close();
      await server.close();
    },
  };
});

function cancelCall(call: ClientCall): void {
  call.cancel();
}

function traceparentOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-01`;
}
