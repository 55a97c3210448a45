/** What the server does: its handler answers, fails, or is cut off; or its own timer ends the call. */
import { once } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import type { ContractCase } from '../../support/contract.ts';
import { cancelCall, type Lab, OUTLIVED, RESET, SERVER_DEADLINE, UNMARKED } from './lab.ts';
import { rawCall } from './peers.ts';
import { answerAtOnce, answerError, type ClientCall, cancelled, KINDS, type Kind } from './service.ts';

export function serverCases(lab: Lab): ContractCase[] {
  return KINDS.flatMap((kind) => casesOf(kind, lab));
}

function casesOf(kind: Kind, lab: Lab): ContractCase[] {
  const { grpc, service } = lab;
  return [
    ...(['CANCELLED', 'DEADLINE_EXCEEDED'] as const).map((name): ContractCase => {
      const outcome = name === 'CANCELLED' ? 'context.canceled' : 'deadline_exceeded';
      return {
        name: `${kind}: the handler answers ${name}`,
        async stage() {
          service.handler = (call, answer) =>
            answerError(call, answer, { code: grpc.status[name], details: 'not today' });
          await lab.call(kind);
        },
        client: {
          outcome,
          initiator: 'peer',
          trigger: 'status',
          phase: 'wait',
          reason: 'not today',
          origin: null,
          status: 'error',
          attributes: { ...OUTLIVED, ...lab.own(name) },
        },
        server: {
          outcome,
          initiator: 'local',
          trigger: 'status',
          phase: 'handle',
          reason: 'not today',
          origin: 'answerError',
          status: name === 'CANCELLED' ? 'unset' : 'error',
          attributes: lab.own(name),
        },
      };
    }),
    ...(kind === 'clientStream' || kind === 'bidi'
      ? [answeredAtTheEnd(kind, lab, false), answeredAtTheEnd(kind, lab, true)]
      : []),
    {
      name: `${kind}: the handler answers INVALID_ARGUMENT`,
      async stage() {
        service.handler = (call, answer) =>
          answerError(call, answer, { code: grpc.status.INVALID_ARGUMENT, details: 'no' });
        await lab.call(kind);
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.own('INVALID_ARGUMENT') },
      server: {
        ...UNMARKED,
        ...(lab.isAlone && { status: 'unset' }),
        attributes: lab.own('INVALID_ARGUMENT'),
      },
    },
    {
      name: `${kind}: the handler throws`,
      async stage() {
        service.handler = () => {
          throw new Error('broken');
        };
        await lab.call(kind);
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.isAlone ? { 'error.type': 'UNKNOWN' } : {} },
      server: { ...UNMARKED, status: 'error', attributes: { 'error.type': 'UNKNOWN' } },
    },
    {
      name: `${kind}: the server's own timer runs out`,
      async stage() {
        const entered = service.hold();
        const { session, stream } = await rawCall(service.port, `/test.Echo/${kind}`, {
          'grpc-timeout': '40m',
        });
        await Promise.all([entered, once(stream, 'close')]);
        session.close();
      },
      client: null,
      server: SERVER_DEADLINE[0],
    },
    {
      name: `${kind}: a reset when the deadline is due`,
      async stage() {
        const entered = service.hold();
        const { session, stream } = await rawCall(service.port, `/test.Echo/${kind}`, {
          'grpc-timeout': '300m',
        });
        const serverCall = await entered;
        const told = cancelled(serverCall);
        await after(Number(serverCall.getDeadline()) - Date.now() - 8);
        stream.close(8);
        await told;
        session.close();
      },
      client: null,
      server: SERVER_DEADLINE,
    },
  ];
}

/** As most handlers of a stream of requests do, which do not ask whether its end is a reset. */
function answeredAtTheEnd(kind: Kind, lab: Lab, isReset: boolean): ContractCase {
  return {
    name: `${kind}: the handler answers at the end of the requests, ${isReset ? 'which is a reset' : 'and the client gets it'}`,
    async stage() {
      const first = new Promise<ClientCall>((resolve) => {
        lab.service.handler = (call, answer) => {
          call.once('data', () => resolve(started.call));
          call.on('end', () => (kind === 'bidi' ? call.end() : answerAtOnce(call, answer)));
        };
      });
      const started = lab.start(kind);
      const call = await first;
      if (isReset) cancelCall(call);
      else call.end();
      await started.ended;
    },
    client: isReset ? lab.cancelledIn('cancelCall') : UNMARKED,
    // The official span is over with the answer, before anybody knows of the reset.
    server: isReset && lab.isAlone ? { ...RESET, phase: ['handle', 'write'] } : UNMARKED,
  };
}
