/** Calls that wait for a connection, and servers that end theirs. */
import type * as Grpc from '@grpc/grpc-js';
import { type Lab, LEFT, UNMARKED } from '../integrations/grpc/lab.ts';
import { deadAddress } from '../integrations/grpc/peers.ts';
import { answerAtOnce, cancelled, GrpcService, startCall } from '../integrations/grpc/service.ts';
import type { ContractCase } from '../support/contract.ts';
import { FrameProxy } from './frame-proxy.ts';

export async function connectionCases(lab: Lab): Promise<ContractCase[]> {
  const { grpc, service } = lab;
  const patient = new grpc.Metadata({ waitForReady: true });

  /** A call to a service of these options that is under way when `act` is called. */
  async function served(
    options: Grpc.ServerOptions,
    act: (brief: GrpcService, proxy: FrameProxy) => unknown,
  ): Promise<void> {
    const brief = await new GrpcService(grpc, options).listen();
    const proxy = await new FrameProxy(brief.port).listen();
    const entered = brief.hold();
    const { ended } = startCall(await brief.client(proxy.address), 'unary');
    const told = cancelled(await entered);
    await act(brief, proxy);
    // Before 1.14 a server whose keepalive fails says goodbye, and waits for its client to hear it.
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    proxy.close();
    await Promise.all([told, ended]);
    brief.close();
  }

  return [
    {
      name: 'cancel() of a call that waits for a connection',
      async stage() {
        const client = await service.client(await deadAddress());
        const { call, ended } = startCall(client, 'unary', {}, patient);
        await new Promise((resolve) => setTimeout(resolve, 40));
        (function giveUp() {
          call.cancel();
        })();
        await ended;
        client.close();
      },
      client: lab.cancelledIn('giveUp', {
        phase: ['queued', 'connect'],
        attributes: { 'rpc.grpc.rst_code': undefined, 'cancel.finding': undefined },
      }),
      server: null,
    },
    {
      name: 'close() of a client whose call waits for a connection',
      async stage() {
        const client = await service.client(await deadAddress());
        const { ended } = startCall(client, 'unary', {}, patient);
        await new Promise((resolve) => setTimeout(resolve, 20));
        client.close();
        await ended;
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
      server: null,
    },
    {
      name: 'close() of a client whose call is under way',
      async stage() {
        const client = await service.client();
        service.handler = (call, answer) => {
          client.close();
          setTimeout(answerAtOnce, 20, call, answer);
        };
        await startCall(client, 'unary').ended;
      },
      client: { ...UNMARKED, status: 'unset' },
      server: UNMARKED,
    },
    {
      name: 'a call waits for a connection, gets one and succeeds',
      async stage() {
        service.handler = answerAtOnce;
        const client = new grpc.Client(service.address, grpc.credentials.createInsecure());
        const bytes = (value: Buffer): Buffer => value;
        const message = Buffer.from('{"text":"ping"}');
        await new Promise((resolve) =>
          client.makeUnaryRequest('/test.Echo/unary', bytes, bytes, message, patient, resolve),
        );
        client.close();
      },
      client: { ...UNMARKED, status: 'unset' },
      server: UNMARKED,
    },
    {
      name: 'tryShutdown() lets the call finish',
      async stage() {
        const brief = await new GrpcService(grpc).listen();
        const client = await brief.client();
        let shutdown: Promise<unknown> | undefined;
        brief.handler = (call, answer) => {
          shutdown = new Promise((resolve) => brief.server.tryShutdown(resolve));
          setTimeout(answerAtOnce, 20, call, answer);
        };
        await startCall(client, 'unary').ended;
        client.close();
        await shutdown;
      },
      client: { ...UNMARKED, status: 'unset' },
      server: UNMARKED,
    },
    {
      name: 'keepalive of the server is not answered',
      stage: () =>
        served({ 'grpc.keepalive_time_ms': 100, 'grpc.keepalive_timeout_ms': 60 }, (_brief, proxy) =>
          proxy.freeze(),
        ),
      client: { ...UNMARKED, status: 'error' },
      server: LEFT,
    },
    {
      name: 'the grace period of a connection that is too old ends',
      stage: () =>
        served({ 'grpc.max_connection_age_ms': 100, 'grpc.max_connection_age_grace_ms': 100 }, () => {}),
      // Whether the client sees a reset or the end of the connection is a race.
      client: [{ outcome: 'context.canceled', initiator: 'peer', trigger: 'reset' }, UNMARKED],
      // The server ends it, not its client.
      server: { ...LEFT, initiator: 'local', trigger: 'shutdown', reason: /^max_connection_age/ },
    },
  ];
}
