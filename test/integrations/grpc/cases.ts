/** What a gRPC call can come to, and what its spans must then say: the same in every set-up. */
import { once } from 'node:events';
import { pipeline, Writable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import type * as Grpc from '@grpc/grpc-js';
import type { Attributes } from '@opentelemetry/api';
import type { ContractCase, ContractSubject, Expectation } from '../../support/contract.ts';
import type { Telemetry } from '../../support/telemetry.ts';
import { deadAddress, rawCall, resettingServer, silentServer, wireTo } from './peers.ts';
import {
  answerAtOnce,
  answerError,
  type ClientCall,
  cancelled,
  drain,
  GrpcService,
  KINDS,
  type Kind,
  loadGrpc,
  ready,
  type ServerCall,
  type StartedCall,
  startCall,
} from './service.ts';

/** A stream was ended, its connection was not. */
const OUTLIVED: Attributes = { 'network.connection.reused_after': true };
/** There was no connection yet. */
const UNCONNECTED: Attributes = {
  'rpc.grpc.rst_code': undefined,
  'network.connection.reused_after': undefined,
};

const UNMARKED: Expectation = { outcome: undefined };

const cancelledByClient: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'reset',
  phase: 'handle',
  origin: null,
  status: 'unset',
  attributes: { 'rpc.grpc.rst_code': 8, 'network.connection.reused_after': undefined },
};

const left: Expectation = { ...cancelledByClient, trigger: 'disconnect', attributes: {} };

/** The server hears of a deadline from its own timer, or from the client's reset: whichever comes first. */
const serverDeadline: readonly Expectation[] = [
  {
    outcome: 'deadline_exceeded',
    initiator: 'local',
    trigger: 'deadline',
    phase: 'handle',
    origin: null,
    status: 'error',
    attributes: { 'deadline.source': 'grpc-timeout' },
  },
  {
    outcome: 'deadline_exceeded',
    initiator: 'peer',
    trigger: 'reset',
    phase: 'handle',
    origin: null,
    status: 'error',
    attributes: { 'deadline.source': 'grpc-timeout' },
  },
];

export async function grpcCases(telemetry: Telemetry): Promise<ContractSubject> {
  const grpc = loadGrpc();
  const service = await new GrpcService(grpc).listen();
  const client = await service.client();
  const silent = await silentServer();
  const resetting = await resettingServer(8);
  const refusing = await resettingServer(11);
  const isAlone = telemetry.setup === 'alone';
  /** The status attribute of a span of ours; the official instrumentation has its own. */
  const own = (code: string): Attributes => (isAlone ? { 'rpc.status_code': code } : {});

  /** Starts a call and waits until its handler has been called. */
  async function arrived(
    kind: Kind,
    options?: Grpc.CallOptions,
  ): Promise<StartedCall & { serverCall: ServerCall }> {
    const entered = service.hold();
    const started = startCall(client, kind, options);
    drain(started.call);
    return { ...started, serverCall: await entered };
  }

  function cancelledHere(origin: string, more: Partial<Expectation> = {}): Expectation {
    return {
      outcome: 'context.canceled',
      initiator: 'local',
      trigger: 'cancel',
      phase: 'wait',
      origin,
      status: 'error',
      attributes: { 'rpc.grpc.rst_code': 8, ...OUTLIVED, ...own('CANCELLED') },
      ...more,
    };
  }

  const cases: ContractCase[] = [];

  for (const kind of KINDS) {
    cases.push(
      {
        name: `${kind}: cancel()`,
        async stage() {
          const { call, ended, serverCall } = await arrived(kind);
          const told = cancelled(serverCall);
          cancelCall(call);
          await Promise.all([ended, told]);
        },
        client: cancelledHere('cancelCall', { reason: 'Cancelled on client' }),
        server: { ...cancelledByClient, attributes: { 'rpc.grpc.rst_code': 8, ...own('CANCELLED') } },
      },
      {
        name: `${kind}: cancel() in the callback of a timer`,
        async stage() {
          const { call, ended, serverCall } = await arrived(kind);
          const told = cancelled(serverCall);
          setTimeout(function onTimer() {
            call.cancel();
          }, 1);
          await Promise.all([ended, told]);
        },
        client: cancelledHere('onTimer'),
        server: cancelledByClient,
      },
      {
        name: `${kind}: cancel() by the listener of a signal`,
        async stage() {
          const { call, ended, serverCall } = await arrived(kind);
          const told = cancelled(serverCall);
          const controller = new AbortController();
          controller.signal.addEventListener('abort', function onAbort() {
            call.cancel();
          });
          controller.abort();
          await Promise.all([ended, told]);
        },
        client: cancelledHere('onAbort'),
        server: cancelledByClient,
      },
      {
        name: `${kind}: cancelWithStatus()`,
        async stage() {
          const { call, ended, serverCall } = await arrived(kind);
          const told = cancelled(serverCall);
          cancelWithStatus(call, grpc.status.CANCELLED, 'user left');
          await Promise.all([ended, told]);
        },
        client: cancelledHere('cancelWithStatus', { reason: 'user left' }),
        server: cancelledByClient,
      },
      {
        name: `${kind}: the deadline passes while the handler works`,
        async stage() {
          const { ended, serverCall } = await arrived(kind, { deadline: Date.now() + 500 });
          await Promise.all([ended, serverCall.cancelled || cancelled(serverCall)]);
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'deadline',
          phase: 'wait',
          reason: /^Deadline exceeded/,
          origin: 'startCall',
          status: 'error',
          attributes: { 'deadline.source': 'option', ...OUTLIVED, ...own('DEADLINE_EXCEEDED') },
        },
        server: serverDeadline,
      },
      ...(['CANCELLED', 'DEADLINE_EXCEEDED'] as const).map(
        (name): ContractCase => ({
          name: `${kind}: the handler answers ${name}`,
          async stage() {
            service.handler = function refuse(call, answer) {
              answerError(call, answer, { code: grpc.status[name], details: 'not today' });
            };
            const { call, ended } = startCall(client, kind);
            drain(call);
            await ended;
          },
          client: {
            outcome: name === 'CANCELLED' ? 'context.canceled' : 'deadline_exceeded',
            initiator: 'peer',
            trigger: 'status',
            phase: 'wait',
            reason: 'not today',
            origin: null,
            status: 'error',
            attributes: { ...OUTLIVED, ...own(name) },
          },
          server: {
            outcome: name === 'CANCELLED' ? 'context.canceled' : 'deadline_exceeded',
            initiator: 'local',
            trigger: 'status',
            phase: 'handle',
            reason: 'not today',
            origin: 'answerError',
            status: name === 'CANCELLED' ? 'unset' : 'error',
            attributes: own(name),
          },
        }),
      ),
      {
        name: `${kind}: the peer resets the stream with CANCEL`,
        async stage() {
          const other = await service.client(resetting.address);
          const { call, ended } = startCall(other, kind);
          drain(call);
          await ended;
        },
        client: {
          outcome: 'context.canceled',
          initiator: 'peer',
          trigger: 'reset',
          phase: 'wait',
          origin: null,
          status: 'error',
          attributes: { 'rpc.grpc.rst_code': 8, ...OUTLIVED, ...own('CANCELLED') },
        },
        server: null,
      },
      {
        name: `${kind}: the peer resets the stream because of a fault`,
        async stage() {
          const other = await service.client(refusing.address);
          const { call, ended } = startCall(other, kind);
          drain(call);
          await ended;
        },
        client: { ...UNMARKED, status: 'error' },
        server: null,
      },
      {
        name: `${kind}: forceShutdown() while the handler works`,
        async stage() {
          const brief = await new GrpcService(grpc).listen();
          const entered = brief.hold();
          const { call, ended } = startCall(await brief.client(), kind);
          drain(call);
          const told = cancelled(await entered);
          (function shutDown() {
            brief.server.forceShutdown();
          })();
          await Promise.all([ended, told]);
          brief.close();
        },
        client: {
          outcome: 'context.canceled',
          initiator: 'peer',
          trigger: 'reset',
          phase: 'wait',
          origin: null,
          status: 'error',
        },
        server: {
          outcome: 'context.canceled',
          initiator: 'local',
          trigger: 'shutdown',
          phase: 'handle',
          origin: 'shutDown',
          status: 'unset',
        },
      },
      {
        name: `${kind}: the connection is cut while the handler works`,
        async stage() {
          const wire = await wireTo(service.port);
          const far = await service.client(wire.address);
          await ready(far);
          const entered = service.hold();
          const { call, ended } = startCall(far, kind);
          drain(call);
          const told = cancelled(await entered);
          wire.cut();
          await Promise.all([ended, told]);
          far.close();
          wire.close();
        },
        client: { ...UNMARKED, status: 'error', attributes: own('UNAVAILABLE') },
        server: { ...left, attributes: own('CANCELLED') },
      },
      {
        name: `${kind}: cancel() after the end`,
        async stage() {
          service.handler = answerAtOnce;
          const { call, ended } = startCall(client, kind);
          finishRequest(call, kind);
          drain(call);
          await ended;
          call.cancel();
        },
        client: { ...UNMARKED, status: 'unset', attributes: own('OK') },
        server: { ...UNMARKED, status: 'unset', attributes: own('OK') },
      },
      {
        name: `${kind}: success`,
        async stage() {
          service.handler = answerAtOnce;
          const { call, ended } = startCall(client, kind, { deadline: Date.now() + 10_000 });
          finishRequest(call, kind);
          drain(call);
          await ended;
        },
        client: {
          ...UNMARKED,
          status: 'unset',
          attributes: { 'deadline.source': 'option', ...own('OK') },
        },
        server: {
          ...UNMARKED,
          status: 'unset',
          attributes: { 'deadline.source': 'grpc-timeout', ...own('OK') },
        },
      },
      {
        name: `${kind}: the handler answers INVALID_ARGUMENT`,
        async stage() {
          service.handler = (call, answer) =>
            answerError(call, answer, { code: grpc.status.INVALID_ARGUMENT, details: 'no' });
          const { call, ended } = startCall(client, kind);
          drain(call);
          await ended;
        },
        client: { ...UNMARKED, status: 'error', attributes: own('INVALID_ARGUMENT') },
        server: {
          ...UNMARKED,
          ...(isAlone && { status: 'unset' }),
          attributes: own('INVALID_ARGUMENT'),
        },
      },
      {
        name: `${kind}: the handler throws`,
        // The official instrumentation never ends the span of a handler that throws.
        only: ['alone'],
        async stage() {
          service.handler = () => {
            throw new Error('broken');
          };
          const { call, ended } = startCall(client, kind);
          drain(call);
          await ended;
        },
        client: { ...UNMARKED, status: 'error', attributes: { 'error.type': 'UNKNOWN' } },
        server: { ...UNMARKED, status: 'error', attributes: { 'error.type': 'UNKNOWN' } },
      },
      {
        name: `${kind}: nobody listens`,
        async stage() {
          const { call, ended } = startCall(await service.client(await deadAddress()), kind);
          drain(call);
          await ended;
        },
        client: { ...UNMARKED, status: 'error', attributes: own('UNAVAILABLE') },
        server: null,
      },
      {
        name: `${kind}: the deadline passes while connecting`,
        async stage() {
          const stuck = await service.client(silent.address);
          const { call, ended } = startCall(stuck, kind, { deadline: Date.now() + 150 });
          drain(call);
          await ended;
          stuck.close();
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'deadline',
          phase: 'connect',
          origin: 'startCall',
          status: 'error',
          attributes: UNCONNECTED,
        },
        server: null,
      },
      {
        name: `${kind}: cancel() while connecting`,
        async stage() {
          const stuck = await service.client(silent.address);
          const { call, ended } = startCall(stuck, kind);
          drain(call);
          await after(100); // the name has been resolved, on a busy machine as well
          cancelCall(call);
          await ended;
          stuck.close();
        },
        client: cancelledHere('cancelCall', {
          phase: 'connect',
          attributes: UNCONNECTED,
        }),
        server: null,
      },
      {
        name: `${kind}: the deadline passes while waiting for a connection`,
        async stage() {
          const metadata = new grpc.Metadata();
          metadata.setOptions({ waitForReady: true });
          const waiting = await service.client(await deadAddress());
          const { call, ended } = startCall(waiting, kind, { deadline: Date.now() + 150 }, metadata);
          drain(call);
          await ended;
          waiting.close();
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'deadline',
          phase: ['queued', 'connect'],
          origin: 'startCall',
        },
        server: null,
      },
      {
        name: `${kind}: the deadline has passed before the start`,
        async stage() {
          const entered = service.hold();
          const { call, ended } = startCall(client, kind, { deadline: Date.now() - 20 });
          drain(call);
          await Promise.all([ended, entered]);
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'deadline',
          origin: 'startCall',
          finding: 'deadline_already_past',
        },
        server: { outcome: 'deadline_exceeded', status: 'error' },
      },
      {
        name: `${kind}: cancel() in the tick of the start`,
        async stage() {
          const entered = service.hold(answerAtOnce);
          const { call, ended } = startCall(client, kind);
          cancelCall(call);
          drain(call);
          await Promise.all([ended, entered]);
        },
        client: cancelledHere('cancelCall', {
          phase: 'queued',
          finding: 'cancel_not_sent',
          attributes: UNCONNECTED,
        }),
        server: UNMARKED,
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
        server: left,
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
        server: serverDeadline[0] as Expectation,
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
        server: serverDeadline,
      },
    );
  }

  for (const kind of ['serverStream', 'bidi'] as const) {
    const abandoned: Expectation = {
      outcome: 'context.canceled',
      initiator: 'local',
      trigger: 'destroy',
      phase: 'receive',
      status: 'error',
      finding: 'cancel_not_sent',
      attributes: OUTLIVED,
    };
    /** The handler sends one message and, as it hears of nothing, ends in its own time. */
    const streaming = async (leave: (call: ClientCall) => unknown): Promise<void> => {
      const entered = service.hold((call) => call.write({ text: 'first' }));
      const { call } = startCall(client, kind);
      await leave(call);
      (await entered).end();
    };
    cases.push(
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
            await once(call, 'data');
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
        name: `${kind}: break out of for-await, then cancel()`,
        async stage() {
          const entered = service.hold((call) => call.write({ text: 'first' }));
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
        server: { ...cancelledByClient, phase: 'write' },
      },
      {
        name: `${kind}: cancel() after the first message`,
        async stage() {
          const entered = service.hold((call) => call.write({ text: 'first' }));
          const { call, ended } = startCall(client, kind);
          await once(call, 'data');
          const told = cancelled(await entered);
          cancelCall(call);
          await Promise.all([ended, told]);
        },
        client: cancelledHere('cancelCall', { phase: 'receive' }),
        server: { ...cancelledByClient, phase: 'write' },
      },
      {
        name: `${kind}: the deadline passes after the first message`,
        async stage() {
          const entered = service.hold((call) => call.write({ text: 'first' }));
          const { call, ended } = startCall(client, kind, { deadline: Date.now() + 500 });
          drain(call);
          const serverCall = await entered;
          await Promise.all([ended, serverCall.cancelled || cancelled(serverCall)]);
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'deadline',
          phase: 'receive',
          origin: 'startCall',
        },
        server: serverDeadline.map((expected) => ({ ...expected, phase: 'write' })),
      },
    );
  }

  return {
    cases,
    async close() {
      service.close();
      silent.close();
      resetting.close();
      refusing.close();
    },
  };
}

function cancelCall(call: ClientCall): void {
  call.cancel();
}

/** As an interceptor would, with a status and text of its own. */
function cancelWithStatus(call: ClientCall, code: number, details: string): void {
  (
    call as unknown as { call: { cancelWithStatus(code: number, details: string): void } }
  ).call.cancelWithStatus(code, details);
}

function finishRequest(call: ClientCall, kind: Kind): void {
  if (kind === 'clientStream' || kind === 'bidi') call.end();
}
