/** What the connection does: it is not there, does not come, or breaks; and peers that behave as no gRPC library would. */
import { setTimeout as after } from 'node:timers/promises';
import type * as Grpc from '@grpc/grpc-js';
import type { Attributes } from '@opentelemetry/api';
import type { ContractCase } from '../../support/contract.ts';
import { cancelCall, type Lab, LEFT, OUTLIVED, UNCONNECTED, UNMARKED } from './lab.ts';
import { deadAddress, type Listening, rawCall, resettingServer, silentServer, wireTo } from './peers.ts';
import { cancelled, KINDS, type Kind, ready, startCall } from './service.ts';

/** The server never gets the request, so there is nothing to tell it. */
const UNSENT: Attributes = { ...UNCONNECTED, 'cancel.finding': undefined };

interface Peers {
  readonly silent: Listening;
  /** Resets streams with CANCEL. */
  readonly resetting: Listening;
  /** Resets streams with ENHANCE_YOUR_CALM. */
  readonly refusing: Listening;
}

export async function connectionCases(lab: Lab): Promise<ContractCase[]> {
  const peers: Peers = {
    silent: await silentServer(),
    resetting: await resettingServer(8),
    refusing: await resettingServer(11),
  };
  for (const peer of Object.values(peers)) lab.onClose(() => peer.close());
  return KINDS.flatMap((kind) => casesOf(kind, lab, peers));
}

function casesOf(kind: Kind, lab: Lab, { silent, resetting, refusing }: Peers): ContractCase[] {
  const { grpc, service } = lab;
  return [
    {
      name: `${kind}: the peer resets the stream with CANCEL`,
      stage: async () => lab.call(kind, { by: await service.client(resetting.address) }),
      client: {
        outcome: 'context.canceled',
        initiator: 'peer',
        trigger: 'reset',
        phase: 'wait',
        origin: null,
        status: 'error',
        attributes: { 'rpc.grpc.rst_code': 8, ...OUTLIVED, ...lab.own('CANCELLED') },
      },
      server: null,
    },
    {
      name: `${kind}: the peer resets the stream because of a fault`,
      stage: async () => lab.call(kind, { by: await service.client(refusing.address) }),
      client: { ...UNMARKED, status: 'error' },
      server: null,
    },
    {
      name: `${kind}: the connection is cut while the handler works`,
      async stage() {
        const wire = await wireTo(service.port);
        const far = await service.client(wire.address);
        await ready(far);
        await lab.whileHandled(kind, () => wire.cut(), { by: far });
        far.close();
        wire.close();
      },
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
      server: { ...LEFT, attributes: lab.own('CANCELLED') },
    },
    {
      name: `${kind}: the client's socket is gone`,
      async stage() {
        const entered = service.hold();
        const { socket } = await rawCall(service.port, `/test.Echo/${kind}`);
        const told = cancelled(await entered);
        socket.destroy();
        await told;
      },
      client: null,
      server: LEFT,
    },
    {
      name: `${kind}: nobody listens`,
      stage: async () => lab.call(kind, { by: await service.client(await deadAddress()) }),
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
      server: null,
    },
    {
      name: `${kind}: the deadline passes while connecting`,
      async stage() {
        const stuck = await service.client(silent.address);
        await lab.call(kind, { by: stuck, options: { deadline: Date.now() + 150 } });
        stuck.close();
      },
      client: lab.expired({ phase: 'connect', attributes: UNCONNECTED }),
      server: null,
    },
    {
      name: `${kind}: cancel() while connecting`,
      async stage() {
        const stuck = await service.client(silent.address);
        const { call, ended } = lab.start(kind, { by: stuck });
        await after(100); // the name has been resolved, on a busy machine as well
        cancelCall(call);
        await ended;
        stuck.close();
      },
      client: lab.cancelledIn('cancelCall', { phase: 'connect', attributes: UNCONNECTED }),
      server: null,
    },
    ...(kind === 'serverStream' || kind === 'bidi' ? [destroyedWhileConnecting(kind, lab, silent)] : []),
    {
      name: `${kind}: cancel() in the tick of the start, while connecting`,
      async stage() {
        const stuck = await service.client(silent.address);
        await connecting(stuck);
        const { call, ended } = lab.start(kind, { by: stuck });
        cancelCall(call);
        await ended;
        stuck.close();
      },
      client: lab.cancelledIn('cancelCall', { phase: 'connect', attributes: UNSENT }),
      server: null,
    },
    {
      name: `${kind}: cancel() in the tick of the start, when nobody listens`,
      async stage() {
        const failed = await service.client(await deadAddress());
        await failing(failed);
        const { call, ended } = lab.start(kind, { by: failed });
        cancelCall(call);
        await ended;
        failed.close();
      },
      client: lab.cancelledIn('cancelCall', { phase: ['queued', 'connect'], attributes: UNSENT }),
      server: null,
    },
    {
      name: `${kind}: the deadline passes while waiting for a connection`,
      async stage() {
        const metadata = new grpc.Metadata();
        metadata.setOptions({ waitForReady: true });
        const waiting = await service.client(await deadAddress());
        await lab.call(kind, { by: waiting, options: { deadline: Date.now() + 150 }, metadata });
        waiting.close();
      },
      client: lab.expired({ phase: ['queued', 'connect'], attributes: {} }),
      server: null,
    },
  ];
}

function destroyedWhileConnecting(kind: Kind, { service }: Lab, silent: Listening): ContractCase {
  return {
    name: `${kind}: destroy() of the stream, while connecting`,
    async stage() {
      const stuck = await service.client(silent.address);
      await connecting(stuck);
      const { call } = startCall(stuck, kind);
      (function destroyIt() {
        call.destroy();
      })();
    },
    client: {
      outcome: 'context.canceled',
      initiator: 'local',
      trigger: 'destroy',
      origin: 'destroyIt',
      attributes: UNSENT,
    },
    server: null,
  };
}

/** The name is resolved, and the connection begun. */
async function connecting(client: Grpc.Client): Promise<void> {
  await changed(client, client.getChannel().getConnectivityState(true));
}

/** The connection has been refused. */
async function failing(client: Grpc.Client): Promise<void> {
  await connecting(client);
  await changed(client, client.getChannel().getConnectivityState(true));
}

async function changed(client: Grpc.Client, state: number): Promise<void> {
  await new Promise((resolve) => client.getChannel().watchConnectivityState(state, Infinity, resolve));
}
