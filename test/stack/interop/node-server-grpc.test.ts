/** A grpc-go client that gives up, and a Node server that hears of it. */
import assert from 'node:assert/strict';
import { SpanKind } from '@opentelemetry/api';
import {
  answerAtOnce,
  answerError,
  cancelled,
  GrpcService,
  KINDS,
  loadGrpc,
  type ServerCall,
} from '../../integrations/grpc/service.ts';
import type { Expectation } from '../../support/contract.ts';
import { GoClient } from '../../support/go-peer.ts';
import { interopSuite } from '../../support/interop.ts';

/** A Go process has to start and to connect within it. */
const timeoutMs = 1_000;

const reset: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'handle',
  origin: null,
  status: 'unset',
  attributes: { 'rpc.grpc.rst_code': 8 },
};

const late: Expectation = {
  outcome: 'deadline_exceeded',
  phase: 'handle',
  origin: null,
  status: 'error',
  attributes: { 'deadline.source': 'grpc-timeout' },
};

await interopSuite('grpc-go client, Node server', async (binary, check) => {
  const grpc = loadGrpc();
  const service = await new GrpcService(grpc).listen();
  const { address } = service;
  const tests: Record<string, () => Promise<unknown>> = {};

  for (const kind of KINDS) {
    tests[`${kind}: a Go client that cancels its context resets the stream`] = async () => {
      const entered = service.hold();
      const client = new GoClient(binary, { address, kind });
      const told = over(await entered);
      client.cancel();
      await told;
      assert.equal((await client.ended()).status, 'Canceled');
      await check(SpanKind.SERVER, reset);
      await client.close();
    };

    tests[`${kind}: the deadline of a Go client's context passes on both sides`] = async () => {
      const entered = service.hold();
      const client = new GoClient(binary, { address, kind, timeoutMs });
      await over(await entered);
      assert.equal((await client.ended()).status, 'DeadlineExceeded');
      // The server's own timer and the client's reset race.
      const span = await check(SpanKind.SERVER, [
        { ...late, initiator: 'peer', trigger: 'reset' },
        { ...late, initiator: 'local', trigger: 'deadline' },
      ]);
      const readMs = Number(span.attributes['deadline.timeout_ms']);
      assert.ok(readMs > 0 && readMs <= timeoutMs, `deadline.timeout_ms is ${readMs}`);
      await client.close();
    };

    tests[`${kind}: a Go client that cancels before its deadline is no deadline exceeded`] = async () => {
      const entered = service.hold();
      const client = new GoClient(binary, { address, kind, timeoutMs: 60_000 });
      const told = over(await entered);
      client.cancel();
      await told;
      assert.equal((await client.ended()).status, 'Canceled');
      await check(SpanKind.SERVER, {
        ...reset,
        attributes: { ...reset.attributes, 'deadline.source': 'grpc-timeout' },
      });
      await client.close();
    };

    tests[`${kind}: a Go client whose process ends is a disconnect`] = async () => {
      const entered = service.hold();
      const client = new GoClient(binary, { address, kind });
      const told = over(await entered);
      client.kill();
      await told;
      await check(SpanKind.SERVER, { ...reset, trigger: 'disconnect', attributes: {} });
      await client.close();
    };

    for (const [code, name] of [
      ['CANCELLED', 'Canceled'],
      ['DEADLINE_EXCEEDED', 'DeadlineExceeded'],
    ] as const) {
      tests[`${kind}: a Go client reads ${code} from the handler as codes.${name}`] = async () => {
        service.handler = function refuse(call, answer) {
          answerError(call, answer, { code: grpc.status[code], details: 'not today' });
        };
        const client = new GoClient(binary, { address, kind });
        const ending = await client.ended();
        assert.equal(ending.status, name);
        assert.equal(ending.context, '', "the client's own context goes on");
        await check(SpanKind.SERVER, {
          outcome: code === 'CANCELLED' ? 'context.canceled' : 'deadline_exceeded',
          initiator: 'local',
          trigger: 'status',
          reason: 'not today',
          origin: 'answerError',
        });
        await client.close();
      };
    }

    tests[`${kind}: a Go client that is answered in time leaves no mark`] = async () => {
      service.handler = answerAtOnce;
      const client = new GoClient(binary, { address, kind, timeoutMs: 60_000 });
      assert.equal((await client.ended()).status, 'OK');
      await check(SpanKind.SERVER, {
        outcome: undefined,
        attributes: { 'deadline.source': 'grpc-timeout' },
      });
      await client.close();
    };
  }

  return { tests, close: async () => service.close() };
});

/** Resolves when the handler was told that its call is over. */
async function over(call: ServerCall): Promise<void> {
  if (!call.cancelled) await cancelled(call);
}
