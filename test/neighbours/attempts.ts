/** Calls that take several attempts: it is the call that counts, whatever became of an attempt. */
import type * as Grpc from '@grpc/grpc-js';
import { type Lab, UNMARKED } from '../integrations/grpc/lab.ts';
import { resettingServer } from '../integrations/grpc/peers.ts';
import {
  answerAtOnce,
  answerError,
  cancelled,
  type ServerCall,
  startCall,
} from '../integrations/grpc/service.ts';
import type { ContractCase } from '../support/contract.ts';

const name = [{ service: 'test.Echo' }];

/** A service config with this for every method. */
function configured(method: object): Grpc.ClientOptions {
  return {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [], methodConfig: [{ name, ...method }] }),
  };
}

export function retrying(initialBackoff: string, ...retryableStatusCodes: string[]): Grpc.ClientOptions {
  const backoff = { initialBackoff, maxBackoff: initialBackoff, backoffMultiplier: 1 };
  return configured({ retryPolicy: { maxAttempts: 3, ...backoff, retryableStatusCodes } });
}

export function hedging(hedgingDelay: string): Grpc.ClientOptions {
  return configured({
    hedgingPolicy: { maxAttempts: 3, hedgingDelay, nonFatalStatusCodes: ['UNAVAILABLE'] },
  });
}

export async function attemptCases(lab: Lab): Promise<ContractCase[]> {
  const { grpc, service } = lab;
  const { address } = service;
  const quick = await service.client(address, retrying('0.01s', 'UNAVAILABLE', 'CANCELLED'));
  const slow = await service.client(address, retrying('30s', 'UNAVAILABLE'));
  const hedged = await service.client(address, hedging('0.02s'));
  const refusing = await resettingServer(7);
  lab.onClose(() => refusing.close());

  /** The first `count` attempts fail with this code. */
  const failFirst = (count: number, code: number): void => {
    let attempt = 0;
    service.handler = (call, answer) => {
      if (++attempt > count) answerAtOnce(call, answer);
      else answerError(call, answer, { code, details: `attempt ${attempt}` });
    };
  };
  /** Resolves when so many attempts have come; none is answered. */
  const attempts = (count: number): Promise<ServerCall[]> =>
    new Promise((resolve) => {
      const calls: ServerCall[] = [];
      service.handler = (call) => {
        if (calls.push(call) === count) resolve(calls);
      };
    });

  return [
    {
      name: 'a retry after UNAVAILABLE succeeds',
      async stage() {
        failFirst(2, grpc.status.UNAVAILABLE);
        await startCall(quick, 'unary').ended;
      },
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
    },
    {
      name: 'a retry after CANCELLED from the server succeeds',
      async stage() {
        failFirst(1, grpc.status.CANCELLED);
        await startCall(quick, 'unary').ended;
      },
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
    },
    {
      name: 'all attempts end with CANCELLED from the server',
      async stage() {
        failFirst(3, grpc.status.CANCELLED);
        await startCall(quick, 'unary').ended;
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'peer',
        trigger: 'status',
        reason: 'attempt 3',
        origin: null,
        status: 'error',
      },
    },
    {
      name: 'all attempts end with UNAVAILABLE',
      async stage() {
        failFirst(3, grpc.status.UNAVAILABLE);
        await startCall(quick, 'unary').ended;
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
    },
    {
      name: 'cancel() while a retry waits for its turn',
      async stage() {
        failFirst(1, grpc.status.UNAVAILABLE);
        const { call, ended } = startCall(slow, 'unary');
        await answered(call);
        (function giveUp() {
          call.cancel();
        })();
        await ended;
      },
      client: lab.cancelledIn('giveUp', {
        phase: 'queued',
        attributes: { 'rpc.grpc.rst_code': undefined, 'cancel.finding': undefined },
      }),
      server: UNMARKED,
    },
    {
      name: 'the deadline passes while a retry waits for its turn',
      async stage() {
        failFirst(1, grpc.status.UNAVAILABLE);
        await startCall(slow, 'unary', { deadline: Date.now() + 150 }).ended;
      },
      client: lab.expired({ phase: 'queued' }),
      server: UNMARKED,
    },
    {
      name: 'cancel() in the second attempt',
      async stage() {
        let attempt = 0;
        const second = new Promise<ServerCall>((resolve) => {
          service.handler = (call, answer) => {
            if (++attempt === 1) answerError(call, answer, { code: grpc.status.UNAVAILABLE });
            else resolve(call);
          };
        });
        const { call, ended } = startCall(quick, 'unary');
        const told = cancelled(await second);
        (function giveUp() {
          call.cancel();
        })();
        await Promise.all([ended, told]);
      },
      client: lab.cancelledIn('giveUp'),
    },
    {
      name: 'the peer refuses the stream, and refuses the transparent retry',
      async stage() {
        await startCall(await service.client(refusing.address), 'unary').ended;
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
      server: null,
    },
    {
      name: 'one of several hedged attempts is answered',
      async stage() {
        const losers: Promise<void>[] = [];
        let attempt = 0;
        service.handler = (call, answer) => {
          if (++attempt === 3) answerAtOnce(call, answer);
          else losers.push(cancelled(call));
        };
        await startCall(hedged, 'unary').ended;
        await Promise.all(losers);
      },
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
    },
    {
      name: 'cancel() of all hedged attempts',
      async stage() {
        const all = attempts(3);
        const { call, ended } = startCall(hedged, 'unary');
        const told = (await all).map(cancelled);
        (function giveUp() {
          call.cancel();
        })();
        await Promise.all([ended, ...told]);
      },
      client: lab.cancelledIn('giveUp'),
    },
    {
      name: 'the deadline of all hedged attempts passes',
      async stage() {
        const all = attempts(3);
        const { ended } = startCall(hedged, 'unary', { deadline: Date.now() + 250 });
        const told = (await all).map((call) => call.cancelled || cancelled(call));
        await Promise.all([ended, ...told]);
      },
      client: lab.expired({ phase: 'wait' }),
    },
  ];

  /** The first attempt's answer is there, as far as can be told from outside: its connection is idle again. */
  async function answered(call: Grpc.ClientUnaryCall | ReturnType<typeof startCall>['call']): Promise<void> {
    type Inner = { call?: Inner; nextCall?: Inner; child?: { underlyingCalls?: { state: string }[] } };
    let inner = call as unknown as Inner;
    while (inner.call ?? inner.nextCall) inner = (inner.call ?? inner.nextCall) as Inner;
    while (inner.child?.underlyingCalls?.[0]?.state !== 'COMPLETED') {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
