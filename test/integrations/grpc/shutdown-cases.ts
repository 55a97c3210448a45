/** The server ends a connection that has a call in flight. */
import { setTimeout as after } from 'node:timers/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { type Lab, LEFT, UNMARKED } from './lab.ts';
import { rawCall } from './peers.ts';
import { cancelled, GrpcService, KINDS, type Kind } from './service.ts';

const CUT: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'shutdown',
  phase: 'handle',
  status: 'unset',
};

const CUT_BY_PEER: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'wait',
  origin: null,
  status: 'error',
};

export function shutdownCases(lab: Lab): ContractCase[] {
  return KINDS.flatMap((kind) => casesOf(kind, lab));
}

function casesOf(kind: Kind, lab: Lab): ContractCase[] {
  /** A call to a server of its own, which does this while the handler works. */
  async function serve(act: (brief: GrpcService) => unknown, options = {}): Promise<void> {
    const brief = await new GrpcService(lab.grpc, options).listen();
    await lab.whileHandled(kind, () => act(brief), { service: brief, by: await brief.client() });
    brief.close();
  }
  return [
    {
      name: `${kind}: forceShutdown() while the handler works`,
      stage: () =>
        serve(function shutDown({ server }) {
          server.forceShutdown();
        }),
      client: CUT_BY_PEER,
      server: { ...CUT, origin: 'shutDown' },
    },
    {
      name: `${kind}: the grace period of drain() ends while the handler works`,
      stage: () =>
        serve(function drainIt({ server, address }) {
          server.drain(address, 40);
        }),
      client: CUT_BY_PEER,
      server: { ...CUT, origin: 'drainIt', reason: 'drain(): 40 ms of grace are over' },
    },
    {
      name: `${kind}: the client cuts its connection in the grace period of drain()`,
      async stage() {
        const brief = await new GrpcService(lab.grpc).listen();
        const entered = brief.hold();
        const { socket } = await rawCall(brief.port, `/test.Echo/${kind}`);
        const told = cancelled(await entered);
        brief.server.drain(brief.address, 10_000);
        await after(10);
        socket.destroy();
        await told;
        brief.close();
      },
      client: null,
      server: LEFT,
    },
    {
      name: `${kind}: max_connection_age and its grace period end while the handler works`,
      stage: () =>
        serve(() => {}, { 'grpc.max_connection_age_ms': 40, 'grpc.max_connection_age_grace_ms': 40 }),
      // Told to try elsewhere.
      client: { ...UNMARKED, status: 'error', attributes: lab.own('UNAVAILABLE') },
      server: { ...CUT, origin: null, reason: 'max_connection_age: 40 ms of grace are over' },
    },
  ];
}
