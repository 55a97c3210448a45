import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan } from '../../support/contract.ts';
import { Telemetry } from '../../support/telemetry.ts';
import {
  type answerAtOnce,
  type ClientCall,
  cancelled,
  GrpcService,
  loadGrpc,
  type ServerCall,
  startCall,
} from './service.ts';

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const gateway = await new GrpcService(grpc).listen();
const orders = await new GrpcService(grpc).listen();
const toGateway = await gateway.client();
const toOrders = await orders.client();

describe('a call that a gRPC handler makes for its own call', () => {
  after(() => {
    gateway.close();
    orders.close();
  });

  it('with `parent` is cancelled when the parent is', async () => {
    telemetry.reset();
    const { outer, inner } = await nested((call) => ({ parent: call }));
    outer.call.cancel();
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    const [cause, nestedCall] = [spanOf(SpanKind.SERVER, gateway), spanOf(SpanKind.CLIENT, orders)];
    checkSpan(
      nestedCall,
      { outcome: 'context.canceled', initiator: 'inherited', trigger: 'parent' },
      'nested',
    );
    assertCause(nestedCall, cause);
    assert.ok(Number(nestedCall.attributes['cancel.propagation_ms']) >= 0);
    checkSpan(spanOf(SpanKind.SERVER, orders), { outcome: 'context.canceled', trigger: 'reset' }, 'orders');
  });

  it('with `parent` has exceeded a deadline when the parent has, though grpc-js says CANCELLED', async () => {
    telemetry.reset();
    const { PROPAGATE } = { PROPAGATE: grpc.propagate };
    const { outer, inner } = await nested(
      (call) => ({ parent: call, propagate_flags: PROPAGATE.CANCELLATION }),
      { deadline: Date.now() + 500 },
    );
    const [, error] = await Promise.all([outer.ended, inner.ended]);
    assert.equal(error?.code, grpc.status.CANCELLED);
    await telemetry.allEnded();
    const [cause, nestedCall] = [spanOf(SpanKind.SERVER, gateway), spanOf(SpanKind.CLIENT, orders)];
    checkSpan(
      nestedCall,
      { outcome: 'deadline_exceeded', initiator: 'inherited', trigger: 'parent', status: 'error' },
      'nested',
    );
    assertCause(nestedCall, cause);
  });

  it('with `parent` has the deadline of the parent, as inherited', async () => {
    telemetry.reset();
    const { outer, inner } = await nested((call) => ({ parent: call }), { deadline: Date.now() + 500 });
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    const nestedCall = spanOf(SpanKind.CLIENT, orders);
    assert.equal(nestedCall.attributes['deadline.source'], 'inherited');
    assert.ok(Number(nestedCall.attributes['deadline.timeout_ms']) <= 500);
    assert.equal(nestedCall.attributes.deadline_exceeded, true);
  });

  it('with `parent` and a shorter deadline of its own keeps its own', async () => {
    telemetry.reset();
    const { outer, inner } = await nested((call) => ({ parent: call, deadline: Date.now() + 40 }), {
      deadline: Date.now() + 5_000,
    });
    await inner.ended;
    outer.call.cancel();
    await outer.ended;
    await telemetry.allEnded();
    checkSpan(
      spanOf(SpanKind.CLIENT, orders),
      {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'deadline',
        attributes: { 'deadline.source': 'option' },
      },
      'nested',
    );
  });

  it('and cancels when it is told that its own call is cancelled, inherits the cancel', async () => {
    telemetry.reset();
    const { outer, inner } = await nested((call, makeCall) => {
      call.on('cancelled', function onCancelled() {
        makeCall().cancel();
      });
      return {};
    });
    outer.call.cancel();
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    const nestedCall = spanOf(SpanKind.CLIENT, orders);
    checkSpan(
      nestedCall,
      { outcome: 'context.canceled', initiator: 'inherited', trigger: 'cancel', origin: 'onCancelled' },
      'nested',
    );
    assertCause(nestedCall, spanOf(SpanKind.SERVER, gateway));
  });

  it('and cancels of its own accord, has cancelled locally', async () => {
    telemetry.reset();
    const { outer, inner } = await nested(() => ({}));
    inner.call.cancel();
    await inner.ended;
    (await outer.arrived).answer(null, { text: 'without it' });
    await outer.ended;
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.CLIENT, orders), { outcome: 'context.canceled', initiator: 'local' }, 'nested');
    checkSpan(spanOf(SpanKind.SERVER, gateway), { outcome: undefined }, 'gateway');
  });

  it('with `parent` is cancelled when the parent has answered before it', async () => {
    telemetry.reset();
    const { outer, inner } = await nested((call) => ({ parent: call }));
    (await outer.arrived).answer(null, { text: 'done' });
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.SERVER, gateway), { outcome: undefined }, 'gateway');
    checkSpan(
      spanOf(SpanKind.CLIENT, orders),
      { outcome: 'context.canceled', initiator: 'inherited', trigger: 'parent' },
      'nested',
    );
  });
});

type Options = NonNullable<Parameters<typeof startCall>[2]>;

/** A call to the gateway whose handler has called orders, which only waits. */
async function nested(
  optionsFor: (call: ServerCall, makeCall: () => ClientCall) => Options,
  outerOptions?: Options,
) {
  const waiting = orders.hold();
  type Arrived = { answer: Parameters<typeof answerAtOnce>[1] & {}; inner: ReturnType<typeof startCall> };
  let arrive: (arrived: Arrived) => void = () => {};
  const arrived = new Promise<Arrived>((resolve) => {
    arrive = resolve;
  });
  gateway.handler = (call, answer) => {
    let inner: ReturnType<typeof startCall> | undefined;
    const options = optionsFor(call, () => (inner as ReturnType<typeof startCall>).call);
    inner = startCall(toOrders, 'unary', options);
    arrive({ answer, inner });
  };
  const outer = startCall(toGateway, 'unary', outerOptions);
  const { inner } = await arrived;
  const told = cancelled(await waiting);
  return { outer: { ...outer, arrived }, inner: { ...inner, ended: allOf(inner.ended, told) } };
}

async function allOf<T>(ended: Promise<T>, told: Promise<void>): Promise<T> {
  const [error] = await Promise.all([ended, told]);
  return error;
}

function spanOf(kind: SpanKind, service: GrpcService): ReadableSpan {
  const spans = telemetry.ended.filter(
    (span) => span.kind === kind && span.attributes['server.port'] === service.port,
  );
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
}

function assertCause(span: ReadableSpan, cause: ReadableSpan): void {
  assert.equal(span.attributes['cancel.cause.span_id'], cause.spanContext().spanId);
  assert.equal(span.links[0]?.context.spanId, cause.spanContext().spanId);
}
