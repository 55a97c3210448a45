/** Streams of answers that are left before their end. */
import { addAbortSignal, pipeline, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import {
  cancelCall,
  firstMessage,
  type Lab,
  OUTLIVED,
  RESET,
  SERVER_DEADLINE,
  sendFirst,
  UNMARKED,
} from './lab.ts';
import { type ClientCall, cancelled, type Kind, startCall } from './service.ts';

const abandoned: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'destroy',
  phase: 'receive',
  status: 'error',
  finding: 'cancel_not_sent',
  attributes: OUTLIVED,
};

export function streamCases(lab: Lab): ContractCase[] {
  return (['serverStream', 'bidi'] as const).flatMap((kind) => casesOf(kind, lab));
}

function casesOf(kind: Kind, lab: Lab): ContractCase[] {
  const { service, client } = lab;
  /** The handler sends one message and, as it hears of nothing, ends in its own time. */
  const streaming = async (leave: (call: ClientCall) => unknown): Promise<void> => {
    const entered = service.hold(sendFirst);
    const { call } = startCall(client, kind);
    await leave(call);
    (await entered).end();
  };
  return [
    {
      name: `${kind}: break out of for-await after the first message`,
      stage: () =>
        streaming(async function leaveLoop(call) {
          for await (const _message of call) break;
        }),
      client: { ...abandoned, origin: 'leaveLoop' },
      server: UNMARKED,
    },
    {
      name: `${kind}: destroy() of the stream`,
      stage: () =>
        streaming(async (call) => {
          await firstMessage(call);
          (function destroyIt() {
            call.destroy(new Error('enough'));
          })();
        }),
      client: { ...abandoned, reason: 'enough', origin: 'destroyIt' },
      server: UNMARKED,
    },
    {
      name: `${kind}: pipeline() whose target fails`,
      stage: () =>
        streaming(
          (call) =>
            new Promise((resolve) => {
              const write: Writable['_write'] = (_chunk, _encoding, done) => done(new Error('disk full'));
              pipeline(call, new Writable({ objectMode: true, write }), resolve);
            }),
        ),
      client: { ...abandoned, reason: 'disk full' },
      server: UNMARKED,
    },
    {
      name: `${kind}: addAbortSignal() whose signal is aborted`,
      stage: () =>
        streaming(async (call) => {
          const controller = new AbortController();
          addAbortSignal(controller.signal, call);
          await firstMessage(call);
          (function abortIt() {
            controller.abort(new Error('user left'));
          })();
        }),
      client: { ...abandoned, trigger: 'abort', reason: 'user left', origin: 'abortIt' },
      server: UNMARKED,
    },
    {
      name: `${kind}: break out of for-await, when the server is done`,
      async stage() {
        const answered = service.hold((call) => {
          for (let count = 0; count < 50; count++) call.write({ text: 'more than is read' });
          call.end();
        });
        const { call } = startCall(client, kind);
        await answered;
        // All that the server has sent is here, and has not been read.
        await delay(100);
        for await (const _message of call) break;
        call.destroy();
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'destroy',
        attributes: { 'cancel.finding': undefined },
      },
      server: UNMARKED,
    },
    {
      name: `${kind}: break out of for-await, then cancel()`,
      async stage() {
        const entered = service.hold(sendFirst);
        const { call } = startCall(client, kind);
        for await (const _message of call) break;
        const told = cancelled(await entered);
        call.cancel();
        await told;
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'destroy',
        attributes: { 'cancel.finding': undefined },
      },
      server: { ...RESET, phase: 'write' },
    },
    {
      name: `${kind}: cancel() after the first message`,
      stage: () =>
        lab.whileHandled(
          kind,
          async (call) => {
            await firstMessage(call);
            cancelCall(call);
          },
          { handler: sendFirst },
        ),
      client: lab.cancelledIn('cancelCall', { phase: 'receive' }),
      server: { ...RESET, phase: 'write' },
    },
    {
      name: `${kind}: the deadline passes after the first message`,
      stage: () =>
        lab.whileHandled(kind, () => {}, {
          handler: sendFirst,
          options: { deadline: Date.now() + 500 },
        }),
      client: lab.expired({ phase: 'receive', attributes: {} }),
      server: SERVER_DEADLINE.map((expected) => ({ ...expected, phase: 'write' })),
    },
  ];
}
