/** What the client does: it cancels, its time runs out, or neither. */
import type { ContractCase } from '../../support/contract.ts';
import { cancelCall, type Lab, OUTLIVED, RESET, SERVER_DEADLINE, UNCONNECTED, UNMARKED } from './lab.ts';
import { answerAtOnce, type ClientCall, KINDS, type Kind } from './service.ts';

export function clientCases(lab: Lab): ContractCase[] {
  return KINDS.flatMap((kind) => casesOf(kind, lab));
}

function casesOf(kind: Kind, lab: Lab): ContractCase[] {
  const { grpc, service } = lab;
  return [
    {
      name: `${kind}: cancel()`,
      stage: () => lab.whileHandled(kind, cancelCall),
      client: lab.cancelledIn('cancelCall', { reason: 'Cancelled on client' }),
      server: { ...RESET, attributes: { 'rpc.grpc.rst_code': 8, ...lab.own('CANCELLED') } },
    },
    {
      name: `${kind}: cancel() in the callback of a timer`,
      stage: () =>
        lab.whileHandled(kind, (call) => {
          setTimeout(function onTimer() {
            call.cancel();
          }, 1);
        }),
      client: lab.cancelledIn('onTimer'),
      server: RESET,
    },
    {
      name: `${kind}: cancel() by the listener of a signal`,
      stage: () =>
        lab.whileHandled(kind, (call) => {
          const controller = new AbortController();
          controller.signal.addEventListener('abort', function onAbort() {
            call.cancel();
          });
          controller.abort();
        }),
      client: lab.cancelledIn('onAbort'),
      server: RESET,
    },
    {
      name: `${kind}: cancel() by the listener of a signal whose limit passes`,
      stage: () =>
        lab.whileHandled(kind, function limit(call) {
          AbortSignal.timeout(20).addEventListener('abort', () => call.cancel());
        }),
      client: lab.cancelledIn('limit', {
        outcome: 'deadline_exceeded',
        trigger: 'signal_timeout',
        reason: /^TimeoutError: /,
      }),
      server: RESET,
    },
    {
      name: `${kind}: cancelWithStatus()`,
      stage: () =>
        lab.whileHandled(kind, (call) => cancelWithStatus(call, grpc.status.CANCELLED, 'user left')),
      client: lab.cancelledIn('cancelWithStatus', { reason: 'user left' }),
      server: RESET,
    },
    {
      name: `${kind}: cancelWithStatus() with a failure`,
      stage: () =>
        lab.whileHandled(kind, (call) => cancelWithStatus(call, grpc.status.UNAUTHENTICATED, 'no token')),
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAUTHENTICATED') },
      server: RESET,
    },
    {
      name: `${kind}: cancel() after the end`,
      stage: async () => (await lab.answered(kind, answerAtOnce)).cancel(),
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
      server: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
    },
    {
      name: `${kind}: cancel() in the tick of the start`,
      async stage() {
        const entered = service.hold(answerAtOnce);
        const { call, ended } = lab.start(kind);
        cancelCall(call);
        await Promise.all([ended, entered]);
      },
      client: lab.cancelledIn('cancelCall', {
        phase: 'queued',
        finding: 'cancel_not_sent',
        attributes: UNCONNECTED,
      }),
      server: UNMARKED,
    },
    {
      name: `${kind}: success`,
      stage: () => lab.answered(kind, answerAtOnce, { deadline: Date.now() + 10_000 }),
      client: {
        ...UNMARKED,
        status: 'unset',
        attributes: { 'deadline.source': 'option', ...lab.own('OK') },
      },
      server: {
        ...UNMARKED,
        status: 'unset',
        attributes: { 'deadline.source': 'grpc-timeout', ...lab.own('OK') },
      },
    },
    {
      name: `${kind}: the deadline passes while the handler works`,
      stage: () => lab.whileHandled(kind, () => {}, { options: { deadline: Date.now() + 500 } }),
      client: lab.expired({
        phase: 'wait',
        reason: /^Deadline exceeded/,
        attributes: { 'deadline.source': 'option', ...OUTLIVED, ...lab.own('DEADLINE_EXCEEDED') },
      }),
      server: SERVER_DEADLINE,
    },
    {
      name: `${kind}: the deadline has passed before the start`,
      async stage() {
        const entered = service.hold();
        await Promise.all([lab.call(kind, { options: { deadline: Date.now() - 20 } }), entered]);
      },
      client: lab.expired({ attributes: { 'cancel.finding': undefined } }),
      server: SERVER_DEADLINE.map(({ phase: _, ...expected }) => expected),
    },
  ];
}

/** As an interceptor would, with a status and text of its own. */
function cancelWithStatus(call: ClientCall, code: number, details: string): void {
  (
    call as unknown as { call: { cancelWithStatus(code: number, details: string): void } }
  ).call.cancelWithStatus(code, details);
}
