/** A proxy between client and server that ends the call by itself. */

import { once } from 'node:events';
import type * as Grpc from '@grpc/grpc-js';
import { type Lab, LEFT, RESET, UNMARKED } from '../integrations/grpc/lab.ts';
import { answerAtOnce, drain, startCall } from '../integrations/grpc/service.ts';
import type { ContractCase, Expectation } from '../support/contract.ts';
import { FrameProxy } from './frame-proxy.ts';

export async function proxyCases(lab: Lab): Promise<ContractCase[]> {
  const { service } = lab;

  async function connect(options?: Grpc.ClientOptions): Promise<{ proxy: FrameProxy; client: Grpc.Client }> {
    const proxy = await new FrameProxy(service.port).listen();
    const client = await service.client(proxy.address, options);
    lab.onClose(() => proxy.close());
    return { proxy, client };
  }

  /** A unary call that the proxy ends when it has arrived. */
  const ended = (act: (proxy: FrameProxy) => void) => async (): Promise<void> => {
    const { proxy, client } = await connect();
    const { started, told } = await lab.arrive(() => startCall(client, 'unary'));
    act(proxy);
    await Promise.all([started.ended, told]);
  };
  const failed = (code: string): Expectation => ({ ...UNMARKED, status: 'error', attributes: lab.own(code) });
  const canceledByPeer: Expectation = {
    outcome: 'context.canceled',
    initiator: 'peer',
    trigger: 'reset',
    phase: 'wait',
    origin: null,
    status: 'error',
    attributes: { 'rpc.grpc.rst_code': 8, ...lab.own('CANCELLED') },
  };
  const answered: Expectation = { ...canceledByPeer, trigger: 'status', attributes: {} };

  const faults = {
    NO_ERROR: 0,
    PROTOCOL_ERROR: 1,
    INTERNAL_ERROR: 2,
    ENHANCE_YOUR_CALM: 11,
    INADEQUATE_SECURITY: 12,
  };
  const statuses = ['INTERNAL', 'INTERNAL', 'INTERNAL', 'RESOURCE_EXHAUSTED', 'PERMISSION_DENIED'];
  return [
    {
      name: 'a proxy resets with CANCEL',
      stage: ended((proxy) => proxy.reset(8)),
      client: canceledByPeer,
      server: RESET,
    },
    ...Object.entries(faults).map(
      ([fault, code], index): ContractCase => ({
        name: `a proxy resets with ${fault}`,
        stage: ended((proxy) => proxy.reset(code)),
        client: failed(String(statuses[index])),
        server: RESET,
      }),
    ),
    {
      name: 'a proxy resets with CANCEL after the first message',
      async stage() {
        const { proxy, client } = await connect();
        const entered = service.hold((call) => call.write({ text: 'first' }));
        const { call, ended: isEnded } = startCall(client, 'serverStream');
        await once(call, 'data');
        drain(call);
        const told = once(await entered, 'cancelled');
        proxy.reset(8);
        await Promise.all([isEnded, told]);
      },
      client: { ...canceledByPeer, phase: 'receive' },
      server: { ...RESET, phase: 'write' },
    },
    {
      name: 'a proxy answers CANCELLED',
      stage: ended((proxy) => proxy.answer({ 'grpc-status': '1', 'grpc-message': 'route closed' })),
      client: { ...answered, reason: 'route closed' },
      server: RESET,
    },
    {
      name: 'a proxy answers DEADLINE_EXCEEDED',
      stage: ended((proxy) => proxy.answer({ 'grpc-status': '4', 'grpc-message': 'upstream timeout' })),
      client: { ...answered, outcome: 'deadline_exceeded', reason: 'upstream timeout' },
      server: RESET,
    },
    {
      name: 'a proxy answers UNAVAILABLE',
      stage: ended((proxy) => proxy.answer({ 'grpc-status': '14', 'grpc-message': 'no healthy upstream' })),
      client: failed('UNAVAILABLE'),
      server: RESET,
    },
    {
      name: 'a proxy says GOAWAY, and the call goes on',
      async stage() {
        const { proxy, client } = await connect();
        service.handler = (call, answer) => {
          proxy.goAway(0);
          setTimeout(answerAtOnce, 30, call, answer);
        };
        await startCall(client, 'unary').ended;
      },
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
      server: UNMARKED,
    },
    {
      name: 'a proxy says GOAWAY, and the call is cancelled',
      async stage() {
        const { proxy, client } = await connect();
        const { started, told } = await lab.arrive(() => startCall(client, 'unary'));
        proxy.goAway(0);
        await new Promise((resolve) => setTimeout(resolve, 30));
        (function giveUp() {
          started.call.cancel();
        })();
        await Promise.all([started.ended, told]);
      },
      client: lab.cancelledIn('giveUp'),
      server: RESET,
    },
    {
      name: 'a proxy says GOAWAY for the call, which is tried once more and succeeds',
      async stage() {
        const { proxy, client } = await connect();
        let attempt = 0;
        service.handler = (call, answer) => {
          if (++attempt > 1) answerAtOnce(call, answer);
          else proxy.goAway(0, 0);
        };
        await startCall(client, 'unary').ended;
        proxy.close();
      },
      client: { ...UNMARKED, status: 'unset', attributes: lab.own('OK') },
    },
    {
      name: 'a proxy says GOAWAY for too many pings, and ends the connection',
      stage: ended((proxy) => {
        proxy.goAway(11);
        proxy.end();
      }),
      client: { ...UNMARKED, status: 'error' },
      server: LEFT,
    },
    {
      name: 'a proxy ends the connection',
      stage: ended((proxy) => proxy.end()),
      client: { ...UNMARKED, status: 'error' },
      server: LEFT,
    },
    {
      name: 'a proxy cuts the connection',
      stage: ended((proxy) => proxy.cut()),
      client: { ...UNMARKED, status: 'error' },
      server: LEFT,
    },
    {
      name: 'keepalive of the client is not answered',
      async stage() {
        const { proxy, client } = await connect({
          'grpc.keepalive_time_ms': 100,
          'grpc.keepalive_timeout_ms': 60,
        });
        const { started, told } = await lab.arrive(() => startCall(client, 'unary'));
        proxy.freeze();
        await Promise.all([started.ended, told]);
      },
      client: { ...UNMARKED, status: 'error' },
      server: LEFT,
    },
  ];
}
