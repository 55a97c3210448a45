/** Libraries that ride on node:http2: Connect, whose streams are plain HTTP/2 to us, and grpc-js, whose are not. */
import { setTimeout as after } from 'node:timers/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { answerAtOnce, cancelled, drain, GrpcService, loadGrpc, startCall } from '../grpc/service.ts';
import {
  ConnectService,
  canceledByServer,
  codeOf,
  connectClient,
  PROTOCOLS,
  type Protocol,
} from './connect-service.ts';
import { abortWith, canceledHere, leftByReset } from './expected.ts';
import type { Http2Lab } from './lab.ts';

const UNMARKED: Expectation = { outcome: undefined, attributes: { 'http.response.status_code': 200 } };

export async function libraryCases(lab: Http2Lab): Promise<ContractCase[]> {
  const service = new ConnectService(lab);
  const url = await service.listen();
  const cases = PROTOCOLS.flatMap((protocol) => connectCases(lab, service, url, protocol));
  return [...cases, ...(await grpcJsCases(lab))];
}

function connectCases(
  lab: Http2Lab,
  service: ConnectService,
  url: string,
  protocol: Protocol,
): ContractCase[] {
  const client = connectClient(protocol, url, lab);
  const title = (text: string): string => `Connect, ${protocol} protocol: ${text}`;
  const limit = {
    'deadline.timeout_ms': 1_000,
    'deadline.source': protocol === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout',
  };
  const missed: Expectation = { outcome: 'deadline_exceeded', status: 'error', attributes: limit };
  return [
    {
      name: title('success'),
      async stage() {
        service.onCall = async () => {};
        await client.unary({ value: 'ping' });
      },
      client: UNMARKED,
      server: UNMARKED,
    },
    {
      name: title('a stream to its end'),
      async stage() {
        service.onCall = async () => {};
        for await (const _message of client.serverStream({ value: 'ping' }));
      },
      client: UNMARKED,
      server: UNMARKED,
    },
    {
      name: title('a unary call is aborted'),
      async stage() {
        const controller = new AbortController();
        const entered = service.entered();
        const ended = codeOf(client.unary({ value: 'ping' }, { signal: controller.signal }));
        const { signal } = await entered;
        const told = new Promise((resolve) => signal.addEventListener('abort', resolve));
        abortWith(controller, undefined);
        await Promise.all([ended, told]);
      },
      client: {
        ...canceledHere,
        trigger: 'abort',
        origin: 'abortWith',
        reason: 'AbortError: This operation was aborted',
        attributes: { ...canceledHere.attributes, 'http2.rst_code': 8 },
      },
      server: leftByReset,
    },
    {
      name: title('a stream is aborted after its first message'),
      async stage() {
        const controller = new AbortController();
        const entered = service.entered();
        const told = entered.then(
          ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
        );
        const ended = codeOf(
          (async () => {
            for await (const _message of client.serverStream(
              { value: 'ping' },
              { signal: controller.signal },
            )) {
              await entered;
              abortWith(controller, new Error('user left'));
            }
          })(),
        );
        await Promise.all([ended, told]);
      },
      client: {
        ...canceledHere,
        trigger: 'abort',
        phase: 'receive',
        origin: 'abortWith',
        reason: 'user left',
        // Connect's client: a reason of the application's own is an error, and no CANCEL.
        attributes: { ...canceledHere.attributes, 'http2.rst_code': 2 },
      },
      server: {
        ...leftByReset,
        phase: 'write',
        attributes: { 'http2.rst_code': 2, 'http.response.status_code': 200 },
      },
    },
    {
      name: title('timeoutMs'),
      async stage() {
        const entered = service.entered();
        const ended = codeOf(client.unary({ value: 'ping' }, { timeoutMs: 1_000 }));
        await entered;
        await ended;
        await after(20);
      },
      // Either side may be the first to look at its clock; in gRPC the server's answer is no cancel in HTTP.
      client: [
        { ...missed, initiator: 'local', trigger: 'deadline' },
        { ...missed, initiator: 'peer', trigger: 'status' },
      ],
      server: [
        { ...missed, initiator: 'peer', trigger: 'reset' },
        { ...missed, initiator: 'local', trigger: 'status' },
        { outcome: undefined, attributes: limit },
      ],
    },
    {
      name: title('the handler answers CANCELED'),
      async stage() {
        service.onCall = canceledByServer;
        await codeOf(client.unary({ value: 'ping' }));
        await after(20);
      },
      client:
        protocol === 'connect'
          ? {
              outcome: 'context.canceled',
              initiator: 'peer',
              trigger: 'status',
              attributes: { 'http.response.status_code': 499 },
            }
          : UNMARKED,
      server:
        protocol === 'connect'
          ? {
              outcome: 'context.canceled',
              initiator: 'local',
              trigger: 'status',
              attributes: { 'http.response.status_code': 499 },
            }
          : UNMARKED,
    },
  ];
}

/** One span on each side, and not ours. */
async function grpcJsCases(lab: Http2Lab): Promise<ContractCase[]> {
  const service = await new GrpcService(loadGrpc()).listen();
  lab.onClose(() => service.close());
  const client = await service.client();
  const notOurs = { 'http.request.method': undefined };
  return [
    {
      name: 'grpc-js: success',
      async stage() {
        service.handler = answerAtOnce;
        const { ended } = startCall(client, 'unary');
        await ended;
      },
      client: { outcome: undefined, attributes: notOurs },
      server: { outcome: undefined, attributes: notOurs },
    },
    {
      name: 'grpc-js: cancel()',
      async stage() {
        const entered = service.hold();
        const { call, ended } = startCall(client, 'bidi');
        drain(call);
        const told = cancelled(await entered);
        call.cancel();
        await Promise.all([ended, told]);
      },
      client: { outcome: 'context.canceled', trigger: 'cancel', attributes: notOurs },
      server: { outcome: 'context.canceled', trigger: 'reset', attributes: notOurs },
    },
  ];
}
