import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { deadlineFrom, hasPassed } from '../../../src/integrations/grpc/deadline.ts';
import { checkSpan } from '../../support/contract.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { rawCall } from './peers.ts';
import { answerAtOnce, cancelled, GrpcService, loadGrpc, startCall } from './service.ts';

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const service = await new GrpcService(grpc).listen();
const client = await service.client();
const DAY_MS = 86_400_000;

describe('the deadline of a gRPC call', () => {
  after(() => service.close());

  it('says how much time there was and how much was left', async () => {
    const [atClient, atServer] = await succeed({ deadline: Date.now() + 10_000 });
    for (const span of [atClient, atServer]) {
      assertBetween(span.attributes['deadline.timeout_ms'], 9_000, 10_001);
      assertBetween(span.attributes['deadline.deviation_ms'], -10_001, -9_000);
    }
  });

  it('may be a Date', async () => {
    const [atClient] = await succeed({ deadline: new Date(Date.now() + 10_000) });
    assertBetween(atClient.attributes['deadline.timeout_ms'], 9_000, 10_001);
    assert.equal(atClient.attributes['deadline.source'], 'option');
  });

  it('is met within some milliseconds', async () => {
    telemetry.reset();
    service.hold();
    await startCall(client, 'unary', { deadline: Date.now() + 50 }).ended;
    await telemetry.allEnded();
    assertBetween(spanOf(SpanKind.CLIENT).attributes['deadline.deviation_ms'], -2, 200);
  });

  for (const [name, options] of [
    ['that is not given', {}],
    ['of Infinity', { deadline: Number.POSITIVE_INFINITY }],
    ['that is longer than a timer can be', { deadline: Date.now() + 2 ** 31 + 1_000 }],
  ] as const) {
    it(`${name} leaves no attribute`, async () => {
      telemetry.reset();
      service.handler = answerAtOnce;
      await startCall(client, 'unary', options).ended;
      await telemetry.allEnded();
      assertNoDeadline(spanOf(SpanKind.CLIENT));
    });
  }

  it('before all time is long past', async () => {
    telemetry.reset();
    service.hold();
    const error = await startCall(client, 'unary', { deadline: Number.NEGATIVE_INFINITY }).ended;
    assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
    await telemetry.allEnded();
    const { attributes, events } = spanOf(SpanKind.CLIENT);
    assert.equal(attributes['deadline.source'], 'option');
    assert.match(String(attributes['cancel.origin']), /^startCall /);
    assertBetween(attributes['deadline.timeout_ms'], -Date.now(), -1);
    assertBetween(attributes['deadline.deviation_ms'], 1, Date.now() + 1_000);
    const finding = events.find(({ name }) => name === 'cancel.finding')?.attributes;
    assert.match(
      String(finding?.['cancel.finding.detail']),
      /^its deadline is -Infinity: grpc-js takes ms since 1970$/,
    );
  });

  for (const [what, deadline, finding] of [
    ['that has just passed is right', Date.now() - 1_000, undefined],
    ['that is a duration is a finding', 5_000, 'deadline_already_past'],
    ['in seconds is a finding', Math.floor(Date.now() / 1_000) + 5, 'deadline_already_past'],
  ] as const) {
    it(what, async () => {
      telemetry.reset();
      service.hold();
      await startCall(client, 'unary', { deadline }).ended;
      await telemetry.allEnded();
      assert.equal(spanOf(SpanKind.CLIENT).attributes['cancel.finding'], finding);
    });
  }

  it('that is no time is one that has passed, as grpc-js has it', () => {
    for (const at of [Number.NaN, new Date(Number.NaN)]) {
      assert.equal(hasPassed(at), true);
      assertBetween(deadlineFrom(at, 'option', undefined)?.timeoutMs, -Date.now(), -1);
    }
  });

  it('of the longest timer there is counts', async () => {
    const [atClient] = await succeed({ deadline: Date.now() + 24 * DAY_MS });
    assertBetween(atClient.attributes['deadline.timeout_ms'], 23 * DAY_MS, 24 * DAY_MS);
  });

  it('that overflows in the server is a finding, not a number', async () => {
    telemetry.reset();
    service.hold();
    const { stream, session } = await rawCall(service.port, '/test.Echo/unary', { 'grpc-timeout': '600H' });
    await once(stream, 'close');
    session.close();
    await telemetry.allEnded();
    const span = spanOf(SpanKind.SERVER);
    assert.equal(span.attributes['cancel.finding'], 'timeout_malformed');
    assert.equal(span.attributes.deadline_exceeded, true);
    assertNoDeadline(span);
  });

  it('can be set by the service config', async () => {
    telemetry.reset();
    service.hold();
    const limited = await service.client(service.address, {
      'grpc.service_config': JSON.stringify({
        loadBalancingConfig: [],
        methodConfig: [{ name: [{ service: 'test.Echo' }], timeout: { seconds: 0, nanos: 80_000_000 } }],
      }),
    });
    const error = await startCall(limited, 'unary').ended;
    assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
    await telemetry.allEnded();
    const span = spanOf(SpanKind.CLIENT);
    checkSpan(span, { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'deadline' }, 'CLIENT');
    assert.equal(span.attributes['deadline.source'], 'timeout');
    assertBetween(span.attributes['deadline.timeout_ms'], 60, 120);
  });

  it('that an interceptor runs by itself ends at its own line', async () => {
    telemetry.reset();
    service.hold();
    const interceptor: NonNullable<Parameters<typeof startCall>[2]>['interceptors'] = [
      (options, nextCall) => {
        const call = new grpc.InterceptingCall(nextCall(options));
        setTimeout(function giveUp() {
          call.cancelWithStatus(grpc.status.DEADLINE_EXCEEDED, 'my own limit');
        }, 30);
        return call;
      },
    ];
    await startCall(client, 'unary', { interceptors: interceptor }).ended;
    await telemetry.allEnded();
    checkSpan(
      spanOf(SpanKind.CLIENT),
      {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'deadline',
        origin: 'giveUp',
        reason: 'my own limit',
      },
      'CLIENT',
    );
  });

  it('has passed when the client resets its call, though the server was busy and read it late', async () => {
    const span = await resetAfter(300);
    checkSpan(span, { outcome: 'deadline_exceeded', initiator: 'peer', trigger: 'reset' }, 'SERVER');
    assert.ok(Number(span.attributes['deadline.deviation_ms']) < -60, 'the server had more time left');
  });

  it('has not passed when the client resets its call long before, though the server read it late', async () => {
    checkSpan(
      await resetAfter(150),
      { outcome: 'context.canceled', initiator: 'peer', trigger: 'reset' },
      'SERVER',
    );
  });

  it('says nothing of a call that an interceptor fails', async () => {
    telemetry.reset();
    service.hold();
    const interceptor: NonNullable<Parameters<typeof startCall>[2]>['interceptors'] = [
      (options, nextCall) => {
        const call = new grpc.InterceptingCall(nextCall(options));
        setImmediate(() => call.cancelWithStatus(grpc.status.UNAVAILABLE, 'circuit open'));
        return call;
      },
    ];
    await startCall(client, 'unary', { interceptors: interceptor }).ended;
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.CLIENT), { outcome: undefined, status: 'error' }, 'CLIENT');
  });
});

/** The SERVER span of a call with 300 ms, which the server reads 120 ms late and its client resets. */
async function resetAfter(delayMs: number): Promise<ReadableSpan> {
  // The event loop is looked at while there are deadlines.
  await succeed({ deadline: Date.now() + 10_000 });
  await sleep(50);
  telemetry.reset();
  const entered = service.hold();
  const { stream, session } = await rawCall(service.port, '/test.Echo/unary', { 'grpc-timeout': '300m' });
  const sentAtMs = performance.now();
  // By now Node has handed the request to the kernel.
  setImmediate(() => {
    while (performance.now() - sentAtMs < 120);
  });
  const told = cancelled(await entered);
  await sleep(delayMs - (performance.now() - sentAtMs));
  stream.close(8);
  await told;
  session.close();
  await telemetry.allEnded();
  return spanOf(SpanKind.SERVER);
}

async function succeed(options: Parameters<typeof startCall>[2]): Promise<[ReadableSpan, ReadableSpan]> {
  telemetry.reset();
  service.handler = answerAtOnce;
  assert.equal(await startCall(client, 'unary', options).ended, null);
  await telemetry.allEnded();
  return [spanOf(SpanKind.CLIENT), spanOf(SpanKind.SERVER)];
}

function spanOf(kind: SpanKind): ReadableSpan {
  const span = telemetry.ended.find((ended) => ended.kind === kind);
  assert.ok(span);
  return span;
}

function assertNoDeadline(span: ReadableSpan): void {
  assert.deepEqual(
    Object.keys(span.attributes).filter((key) => key.startsWith('deadline.')),
    [],
  );
}

function assertBetween(value: unknown, low: number, high: number): void {
  assert.ok(Number(value) >= low && Number(value) <= high, `${value} is not in ${low}…${high}`);
}
