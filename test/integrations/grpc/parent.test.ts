/** A call that a gRPC handler makes for its own call: what it has of that one, and what it does when that one ends. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Grpc from '@grpc/grpc-js';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan, type Expectation } from '../../support/contract.ts';
import { Telemetry } from '../../support/telemetry.ts';
import {
  type Answer,
  answerAtOnce,
  cancelled,
  GrpcService,
  loadGrpc,
  type ServerCall,
  type StartedCall,
  startCall,
} from './service.ts';

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const gateway = await new GrpcService(grpc).listen();
const orders = await new GrpcService(grpc).listen();
const toGateway = await gateway.client();
const toOrders = await orders.client();
const { DEADLINE, CANCELLATION, DEFAULTS } = grpc.propagate;

interface Row {
  readonly name: string;
  readonly options: (parent: ServerCall) => Grpc.CallOptions;
  /** `deadline.source` of the nested call. */
  readonly source: string | undefined;
  readonly isCancelledWithParent: boolean;
}

const INHERITED: Expectation = {
  outcome: 'context.canceled',
  initiator: 'inherited',
  trigger: 'parent',
  status: 'error',
};

const rows: readonly Row[] = [
  { name: 'no `parent`', options: () => ({}), source: undefined, isCancelledWithParent: false },
  {
    name: 'a `parent` and no flags',
    options: (parent) => ({ parent }),
    source: 'inherited',
    isCancelledWithParent: true,
  },
  {
    name: 'DEFAULTS',
    options: (parent) => ({ parent, propagate_flags: DEFAULTS }),
    source: 'inherited',
    isCancelledWithParent: true,
  },
  {
    name: 'DEADLINE',
    options: (parent) => ({ parent, propagate_flags: DEADLINE }),
    source: 'inherited',
    isCancelledWithParent: false,
  },
  {
    name: 'CANCELLATION',
    options: (parent) => ({ parent, propagate_flags: CANCELLATION }),
    source: undefined,
    isCancelledWithParent: true,
  },
  {
    name: 'DEADLINE and CANCELLATION',
    options: (parent) => ({ parent, propagate_flags: DEADLINE | CANCELLATION }),
    source: 'inherited',
    isCancelledWithParent: true,
  },
  {
    name: 'flags of 0',
    options: (parent) => ({ parent, propagate_flags: 0 }),
    source: undefined,
    isCancelledWithParent: false,
  },
  {
    name: 'an earlier deadline of its own',
    options: (parent) => ({ parent, deadline: Date.now() + 1_000 }),
    source: 'option',
    isCancelledWithParent: true,
  },
  {
    name: 'a later deadline of its own',
    options: (parent) => ({ parent, deadline: Date.now() + 60_000 }),
    source: 'inherited',
    isCancelledWithParent: true,
  },
];

describe('a call that a gRPC handler makes for its own call', () => {
  beforeEach(() => telemetry.reset());
  after(() => {
    gateway.close();
    orders.close();
  });

  for (const { name, options, source, isCancelledWithParent } of rows) {
    it(`with ${name}, when the parent is cancelled`, async () => {
      const { outer, inner, answerInner, told } = await nest(options, { deadline: Date.now() + 5_000 });
      outer.call.cancel();
      await outer.ended;
      if (!isCancelledWithParent) {
        await sleep(20);
        answerInner();
      }
      await Promise.all([inner.ended, isCancelledWithParent && told]);
      await telemetry.allEnded();
      const nested = spanOf(SpanKind.CLIENT, orders);
      assert.equal(nested.attributes['deadline.source'], source);
      if (isCancelledWithParent) {
        checkSpan(nested, INHERITED, 'nested');
        assertCause(nested, spanOf(SpanKind.SERVER, gateway));
        assert.ok(Number(nested.attributes['cancel.propagation_ms']) >= 0);
        checkSpan(
          spanOf(SpanKind.SERVER, orders),
          { outcome: 'context.canceled', trigger: 'reset' },
          'orders',
        );
      } else {
        checkSpan(nested, { outcome: undefined, status: 'unset' }, 'nested');
      }
    });
  }

  it('with CANCELLATION has exceeded a deadline when the parent has, though grpc-js says CANCELLED', async () => {
    const { outer, inner, told } = await nest((parent) => ({ parent, propagate_flags: CANCELLATION }), {
      deadline: Date.now() + 500,
    });
    const [, error] = await Promise.all([outer.ended, inner.ended, told]);
    assert.equal(error?.code, grpc.status.CANCELLED);
    await telemetry.allEnded();
    const nested = spanOf(SpanKind.CLIENT, orders);
    checkSpan(nested, { ...INHERITED, outcome: 'deadline_exceeded' }, 'nested');
    assertCause(nested, spanOf(SpanKind.SERVER, gateway));
  });

  it('with a `parent` has no more time than that one', async () => {
    const { outer, inner, told } = await nest((parent) => ({ parent }), { deadline: Date.now() + 500 });
    await Promise.all([outer.ended, inner.ended, told]);
    await telemetry.allEnded();
    const { attributes } = spanOf(SpanKind.CLIENT, orders);
    assert.equal(attributes['deadline.source'], 'inherited');
    assert.ok(Number(attributes['deadline.timeout_ms']) <= 500);
    assert.equal(attributes.deadline_exceeded, true);
  });

  it('with a `parent` and a shorter deadline of its own keeps its own', async () => {
    const { outer, inner } = await nest((parent) => ({ parent, deadline: Date.now() + 40 }), {
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

  it('with DEADLINE, when the parent has ended well, goes on to the deadline', async () => {
    const { outer, inner, answerOuter } = await nest((parent) => ({ parent, propagate_flags: DEADLINE }), {
      deadline: Date.now() + 200,
    });
    answerOuter();
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    const nested = spanOf(SpanKind.CLIENT, orders);
    checkSpan(nested, { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'deadline' }, 'nested');
    assert.equal(nested.attributes['deadline.source'], 'inherited');
  });

  it('with a `parent` is cancelled when that one has answered before it', async () => {
    const { outer, inner, answerOuter, told } = await nest((parent) => ({ parent }));
    answerOuter();
    await Promise.all([outer.ended, inner.ended, told]);
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.SERVER, gateway), { outcome: undefined }, 'gateway');
    checkSpan(spanOf(SpanKind.CLIENT, orders), INHERITED, 'nested');
  });

  it('with a `parent` that was cancelled before runs to its end', async () => {
    const started = new Promise<StartedCall>((resolve) => {
      gateway.handler = async (call) => {
        outer.call.cancel();
        await cancelled(call);
        orders.handler = answerAtOnce;
        resolve(startCall(toOrders, 'unary', { parent: call }));
      };
    });
    const outer = startCall(toGateway, 'unary');
    const inner = await started;
    assert.equal(await inner.ended, null);
    await outer.ended;
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.CLIENT, orders), { outcome: undefined, status: 'unset' }, 'nested');
  });

  it('and cancels when it is told that its own call is cancelled, inherits the cancel', async () => {
    const { outer, inner, parent, told } = await nest(() => ({}));
    parent.on('cancelled', function onCancelled() {
      inner.call.cancel();
    });
    outer.call.cancel();
    await Promise.all([outer.ended, inner.ended, told]);
    await telemetry.allEnded();
    const nested = spanOf(SpanKind.CLIENT, orders);
    checkSpan(nested, { ...INHERITED, trigger: 'cancel', origin: 'onCancelled' }, 'nested');
    assertCause(nested, spanOf(SpanKind.SERVER, gateway));
  });

  it('and cancels of its own accord, has cancelled locally', async () => {
    const { outer, inner, answerOuter, told } = await nest(() => ({}));
    inner.call.cancel();
    await Promise.all([inner.ended, told]);
    answerOuter();
    await outer.ended;
    await telemetry.allEnded();
    checkSpan(spanOf(SpanKind.CLIENT, orders), { outcome: 'context.canceled', initiator: 'local' }, 'nested');
    checkSpan(spanOf(SpanKind.SERVER, gateway), { outcome: undefined }, 'gateway');
  });
});

interface Nested {
  readonly outer: StartedCall;
  readonly inner: StartedCall;
  /** The call of the gateway's handler. */
  readonly parent: ServerCall;
  readonly answerOuter: () => void;
  readonly answerInner: () => void;
  /** Resolves when orders has been told that the inner call is cancelled. */
  readonly told: Promise<void>;
}

/** A call to the gateway whose handler has called orders; neither is answered. */
async function nest(
  optionsFor: (parent: ServerCall) => Grpc.CallOptions,
  outerOptions?: Grpc.CallOptions,
): Promise<Nested> {
  const answers: (() => void)[] = [];
  const keep = (call: ServerCall, answer: Answer): void => {
    answers.push(() => answerAtOnce(call, answer));
  };
  const innerArrived = orders.hold(keep);
  let inner: StartedCall | undefined;
  const parentArrived = gateway.hold((call, answer) => {
    keep(call, answer);
    inner = startCall(toOrders, 'unary', optionsFor(call));
  });
  const outer = startCall(toGateway, 'unary', outerOptions);
  const parent = await parentArrived;
  assert.ok(inner);
  const told = cancelled(await innerArrived);
  const [answerOuter, answerInner] = answers as [() => void, () => void];
  return { outer, inner, parent, answerOuter, answerInner, told };
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
