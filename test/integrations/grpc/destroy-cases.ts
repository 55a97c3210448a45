/** Handlers that destroy the stream of their call. grpc-js tells the client nothing then. */
import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { cancelCall, firstMessage, type Lab, RESET, sendFirst, UNMARKED } from './lab.ts';
import { answerAtOnce, type ClientCall, KINDS, type Kind, type ServerCall } from './service.ts';

const ABANDONED: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'destroy',
  phase: 'handle',
  status: 'unset',
  finding: 'cancel_not_sent',
  attributes: { 'rpc.status_code': undefined },
};

export function destroyCases(lab: Lab): ContractCase[] {
  return KINDS.flatMap((kind) =>
    kind === 'unary' || kind === 'clientStream' ? callbackCases(kind, lab) : streamingCases(kind, lab),
  );
}

/** The stream is all that a handler has to answer by. */
function streamingCases(kind: Kind, lab: Lab): ContractCase[] {
  /** The client waits in vain, and gives up. */
  const abandon = (destroy: (call: ServerCall) => unknown, handler?: typeof sendFirst): Promise<void> =>
    lab.whileHandled(
      kind,
      async (call, serverCall) => {
        if (handler !== undefined) await firstMessage(call);
        await destroy(serverCall);
        await turn();
        cancelCall(call);
      },
      handler && { handler },
    );
  const cases: ContractCase[] = [
    {
      name: `${kind}: the handler destroys its call`,
      stage: () =>
        abandon(function destroyIt(call) {
          call.destroy();
        }),
      client: lab.cancelledIn('cancelCall'),
      server: { ...ABANDONED, origin: 'destroyIt' },
    },
    {
      name: `${kind}: the handler destroys its call with an error, after a message`,
      stage: () =>
        abandon(function destroyIt(call) {
          call.destroy(new Error('enough'));
        }, sendFirst),
      client: lab.cancelledIn('cancelCall', { phase: 'receive' }),
      server: { ...ABANDONED, phase: 'write', reason: 'enough', origin: 'destroyIt' },
    },
    {
      name: `${kind}: the handler destroys its call before all is written`,
      stage: () =>
        abandon(function destroyIt(call) {
          call.write({ text: 'last' });
          call.end();
          call.destroy();
        }),
      client: lab.cancelledIn('cancelCall', { phase: ['wait', 'receive'] }),
      server: { ...ABANDONED, phase: 'write', origin: 'destroyIt' },
    },
    {
      name: `${kind}: the handler destroys its call, and the deadline passes`,
      stage: () =>
        lab.whileHandled(kind, (_call, serverCall) => serverCall.destroy(), {
          options: { deadline: Date.now() + 300 },
        }),
      client: lab.expired(),
      server: ABANDONED,
    },
    {
      name: `${kind}: pipeline() to the call, whose source fails`,
      stage: () =>
        abandon((call) => {
          const source = endless();
          const piped = pipeline(source, call as unknown as NodeJS.WritableStream);
          source.destroy(new Error('no database'));
          return assert.rejects(piped, /no database/);
        }),
      client: lab.cancelledIn('cancelCall'),
      server: { ...ABANDONED, reason: 'no database' },
    },
    {
      name: `${kind}: pipeline() to the call, whose signal is aborted`,
      stage: () =>
        abandon((call) => {
          const controller = new AbortController();
          const { signal } = controller;
          const piped = pipeline(endless(), call as unknown as NodeJS.WritableStream, { signal });
          (function abortIt() {
            controller.abort(new Error('changed my mind'));
          })();
          return assert.rejects(piped, { name: 'AbortError' });
        }),
      client: lab.cancelledIn('cancelCall'),
      server: { ...ABANDONED, trigger: 'abort', reason: 'changed my mind', origin: 'abortIt' },
    },
  ];
  if (kind === 'bidi') {
    cases.push({
      name: `${kind}: the handler leaves its loop over the requests`,
      stage: () =>
        abandon(async function leaveLoop(call) {
          for await (const _message of call) break;
        }),
      client: lab.cancelledIn('cancelCall'),
      server: { ...ABANDONED, origin: 'leaveLoop', attributes: { 'cancel.reason': undefined } },
    });
  }
  return cases;
}

function endless(): Readable {
  return new Readable({ objectMode: true, read: () => {} });
}

/** Whatever becomes of the stream, the handler can still call back. */
function callbackCases(kind: Kind, lab: Lab): ContractCase[] {
  const cases: ContractCase[] = [
    {
      name: `${kind}: the handler destroys its call, and calls back`,
      stage: () =>
        lab.answered(kind, (call, answer) => {
          call.destroy();
          answerAtOnce(call, answer);
        }),
      client: { ...UNMARKED, status: 'unset' },
      server: { ...UNMARKED, status: 'unset' },
    },
    {
      name: `${kind}: the handler destroys its call, and never calls back`,
      stage: () =>
        lab.whileHandled(kind, async (call: ClientCall, serverCall) => {
          serverCall.destroy();
          await turn();
          cancelCall(call);
        }),
      client: lab.cancelledIn('cancelCall'),
      server: RESET,
    },
    {
      name: `${kind}: the handler ends its call without an answer`,
      stage: () => lab.answered(kind, (call) => call.end()),
      client: UNMARKED,
      server: UNMARKED,
    },
  ];
  if (kind === 'clientStream') {
    cases.push({
      name: `${kind}: pipeline() from the call, whose sink fails, and the handler calls back with the error`,
      stage: () =>
        lab.answered(kind, (call, answer) => {
          const write: Writable['_write'] = (_chunk, _encoding, done) => done(new Error('disk full'));
          pipeline(call, new Writable({ objectMode: true, write })).catch(answer);
        }),
      client: { ...UNMARKED, status: 'error' },
      server: UNMARKED,
    });
  }
  return cases;
}
