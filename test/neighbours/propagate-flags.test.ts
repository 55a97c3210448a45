/** What a nested call has of its parent, by `propagate_flags`; and what it does when the parent ends. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
  type Answer,
  answerAtOnce,
  cancelled,
  GrpcService,
  loadGrpc,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import { checkSpan, type Expectation } from '../support/contract.ts';
import { Telemetry } from '../support/telemetry.ts';

const telemetry = new Telemetry('alone');
const grpc = loadGrpc();
const gateway = await new GrpcService(grpc).listen();
const orders = await new GrpcService(grpc).listen();
const toGateway = await gateway.client();
const toOrders = await orders.client();

const { DEADLINE, CANCELLATION, DEFAULTS } = grpc.propagate;
type Options = NonNullable<Parameters<typeof startCall>[2]>;

interface Row {
  readonly name: string;
  readonly options: (call: ServerCall) => Options;
  /** `deadline.source` of the nested call. */
  readonly source: string | undefined;
  readonly isCancelledWithParent: boolean;
}

const rows: readonly Row[] = [
  { name: 'no parent', options: () => ({}), source: undefined, isCancelledWithParent: false },
  {
    name: 'a parent and no flags',
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

describe('a nested call with', () => {
  after(() => {
    gateway.close();
    orders.close();
  });

  for (const { name, options, source, isCancelledWithParent } of rows) {
    it(`${name}, whose parent is cancelled`, async () => {
      telemetry.reset();
      const { outer, inner, answerInner } = await nest(options, { deadline: Date.now() + 5_000 });
      outer.call.cancel();
      await outer.ended;
      if (!isCancelledWithParent) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        answerInner();
      }
      await inner.ended;
      await telemetry.allEnded();
      const expected: Expectation = isCancelledWithParent
        ? { outcome: 'context.canceled', initiator: 'inherited', trigger: 'parent', status: 'error' }
        : { outcome: undefined, status: 'unset' };
      checkSpan(nestedCall(), expected, 'nested');
      assert.equal(nestedCall().attributes['deadline.source'], source);
    });
  }

  it('DEADLINE, whose parent has ended well, goes on to the deadline', async () => {
    telemetry.reset();
    const { outer, inner, answerOuter } = await nest((parent) => ({ parent, propagate_flags: DEADLINE }), {
      deadline: Date.now() + 200,
    });
    answerOuter();
    await Promise.all([outer.ended, inner.ended]);
    await telemetry.allEnded();
    checkSpan(
      nestedCall(),
      { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'deadline' },
      'nested',
    );
    assert.equal(nestedCall().attributes['deadline.source'], 'inherited');
  });

  it('a parent that was cancelled before, runs to its end', async () => {
    telemetry.reset();
    const arrived = new Promise<ReturnType<typeof startCall>>((resolve) => {
      gateway.handler = async (call) => {
        outer.call.cancel();
        await cancelled(call);
        orders.handler = answerAtOnce;
        resolve(startCall(toOrders, 'unary', { parent: call }));
      };
    });
    const outer = startCall(toGateway, 'unary');
    const inner = await arrived;
    assert.equal(await inner.ended, null);
    await outer.ended;
    await telemetry.allEnded();
    checkSpan(nestedCall(), { outcome: undefined, status: 'unset' }, 'nested');
  });
});

/** A call to the gateway whose handler has called orders; neither is answered. */
async function nest(optionsFor: (call: ServerCall) => Options, outerOptions: Options) {
  const answers: (() => void)[] = [];
  const keep = (call: ServerCall, answer: Answer): void => {
    answers.push(() => answerAtOnce(call, answer));
  };
  const innerArrived = orders.hold(keep);
  const inner = new Promise<ReturnType<typeof startCall>>((resolve) => {
    gateway.handler = (call, answer) => {
      keep(call, answer);
      resolve(startCall(toOrders, 'unary', optionsFor(call)));
    };
  });
  const outer = startCall(toGateway, 'unary', outerOptions);
  const started = await inner;
  await innerArrived;
  const [answerOuter, answerInner] = answers as [() => void, () => void];
  return { outer, inner: started, answerOuter, answerInner };
}

function nestedCall(): ReadableSpan {
  const span = telemetry.ended.find(
    ({ kind, attributes }) => kind === SpanKind.CLIENT && attributes['server.port'] === orders.port,
  );
  assert.ok(span);
  return span;
}
