/** Streams that the server ends, and streams that end under a server. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import {
  canceledHere,
  cancelStream,
  closeStream,
  destroyResponse,
  destroySession,
  destroyStream,
  disconnected,
  endedHere,
  failed,
  leftByReset,
  limitStream,
  resetByServer,
  withRst,
} from './expected.ts';
import { type Api, type Http2Lab, SERVERS, type Transport } from './lab.ts';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;

export async function serverCases(lab: Http2Lab): Promise<ContractCase[]> {
  const cases: ContractCase[] = [];
  for (const [transport, api] of SERVERS) {
    cases.push(...(await endings(lab, transport, api)));
  }
  cases.push(...(await shutdowns(lab)), ...(await answers(lab)), ...(await deadlines(lab)));
  return cases;
}

async function endings(lab: Http2Lab, transport: Transport, api: Api): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {}, { transport, api });
  const title = (text: string): string => `${transport}, ${api}: the server's ${text}`;
  return [
    {
      name: title('stream.close(NGHTTP2_CANCEL)'),
      stage: () => peer.ended(({ stream }) => cancelStream(stream)),
      client: resetByServer,
      server: withRst({ ...endedHere, trigger: 'cancel', origin: 'cancelStream' }, 8),
    },
    {
      name: title('stream.close(NGHTTP2_REFUSED_STREAM)'),
      stage: () => peer.ended(({ stream }) => stream.close(NGHTTP2_REFUSED_STREAM)),
      client: failed('NGHTTP2_REFUSED_STREAM'),
      server: withRst({ ...endedHere, trigger: 'cancel' }, 7),
    },
    {
      name: title('stream.destroy(error)'),
      stage: () => peer.ended(({ stream }) => destroyStream(stream, new Error('out of stock'))),
      client: failed('NGHTTP2_INTERNAL_ERROR'),
      server: withRst(
        { ...endedHere, trigger: 'destroy', origin: 'destroyStream', reason: 'out of stock' },
        2,
      ),
    },
    {
      name: title('stream.close() before the head'),
      stage: () =>
        peer.ended(({ client, stream }) => {
          client.resume();
          closeStream(stream);
        }),
      client: failed('NGHTTP2_NO_ERROR'),
      server: withRst({ ...endedHere, trigger: 'cancel', origin: 'closeStream' }, 0),
    },
    ...[NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR].map((code) => ({
      name: title(`stream.close(${code}) in the body, which Node ends before it resets the stream`),
      async stage() {
        const { client, stream, over } = await peer.arrived();
        stream.respond({ ':status': 200 });
        stream.write('first');
        await once(client, 'data');
        stream.close(code);
        await over;
      },
      client: { outcome: undefined, status: 'unset' } as const,
      server: {
        ...endedHere,
        trigger: 'cancel',
        phase: 'write',
        attributes: { 'http.response.status_code': 200, 'http2.rst_code': code },
      },
    })),
    {
      name: title('stream.setTimeout() and close() in its listener'),
      stage: () => peer.ended(({ stream }) => limitStream(stream, 50)),
      client: resetByServer,
      server: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'timeout',
        phase: 'handle',
        origin: 'limitStream',
        status: 'error',
        attributes: { 'deadline.timeout_ms': 50, 'http.response.status_code': undefined },
      },
    },
    {
      name: title('session.destroy()'),
      stage: () =>
        peer.ended(
          ({ stream }) => destroySession(stream.session as http2.ServerHttp2Session),
          {},
          {},
          peer.connect(),
        ),
      // Whether the streams' resets or the end of the connection comes first, is the kernel's choice.
      client: { outcome: undefined, status: 'error' },
      server: { ...endedHere, trigger: 'shutdown', origin: 'destroySession' },
    },
  ];
}

async function shutdowns(lab: Http2Lab): Promise<ContractCase[]> {
  const limited = await lab.serve(() => {});
  limited.server.setTimeout(50);
  const peer = await lab.serve(() => {});
  const compat = await lab.serve(() => {}, { api: 'compat' });
  return [
    {
      name: 'server.setTimeout() without a listener',
      async stage() {
        const { over } = await limited.arrived({}, {}, limited.connect());
        await over;
      },
      client: { outcome: undefined, status: 'error' },
      server: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'timeout',
        phase: 'handle',
        status: 'error',
        attributes: { 'deadline.timeout_ms': 50, 'deadline.source': 'timeout' },
      },
    },
    {
      name: 'compat: request.destroy()',
      stage: () => compat.ended(({ request }) => request?.stream.destroy()),
      client: failed('NGHTTP2_NO_ERROR'),
      server: { ...endedHere, trigger: 'destroy' },
    },
    {
      name: 'compat: response.destroy(error)',
      stage: () => compat.ended(({ response }) => destroyResponse(response, new Error('out of stock'))),
      client: failed('NGHTTP2_INTERNAL_ERROR'),
      server: { ...endedHere, trigger: 'destroy', origin: 'destroyResponse', reason: 'out of stock' },
    },
    {
      name: 'the server destroys the socket of the connection',
      async stage() {
        const connected = once(peer.server, 'connection');
        const session = peer.connect();
        const [socket] = await connected;
        const { over } = await peer.arrived({}, {}, session);
        socket.destroy();
        await over;
      },
      client: failed('ECONNRESET'),
      server: { ...endedHere, trigger: 'shutdown' },
    },
    {
      name: 'the client destroys the socket of the connection',
      async stage() {
        const socket = net.connect(peer.port, '127.0.0.1');
        const session = http2.connect(peer.url, { createConnection: () => socket });
        session.on('error', () => {});
        const { over } = await peer.arrived({}, {}, session);
        socket.destroy();
        await over;
      },
      client: {
        ...canceledHere,
        trigger: 'shutdown',
        attributes: { 'network.connection.reused_after': false },
      },
      server: disconnected,
    },
  ];
}

async function answers(lab: Http2Lab): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {});
  const sending = await lab.serve(({ stream }) => stream.respondWithFile(fileURLToPath(import.meta.url)), {
    settings: { initialWindowSize: 65535 },
  });

  function answeredWith(status: number, client: Expectation): ContractCase {
    return {
      name: `the server answers ${status}`,
      async stage() {
        const { client: request, stream, over } = await peer.arrived();
        request.resume();
        stream.respond({ ':status': status }, { endStream: true });
        await over;
      },
      client: { ...client, attributes: { 'http.response.status_code': status } },
      server: {
        ...(client.outcome === undefined
          ? { outcome: undefined }
          : { outcome: client.outcome, initiator: 'local', trigger: 'status', phase: 'handle' }),
        status: status < 500 && client.outcome !== 'deadline_exceeded' ? 'unset' : 'error',
        attributes: { 'http.response.status_code': status },
      },
    };
  }

  const byStatus: Expectation = { outcome: 'deadline_exceeded', initiator: 'peer', trigger: 'status' };
  return [
    answeredWith(408, { ...byStatus, phase: 'wait', status: 'error', origin: null }),
    answeredWith(504, { ...byStatus, phase: 'wait', status: 'error', origin: null }),
    answeredWith(499, { ...byStatus, outcome: 'context.canceled', status: 'error' }),
    answeredWith(404, { outcome: undefined, status: 'error' }),
    answeredWith(500, { outcome: undefined, status: 'error' }),
    {
      name: 'the server answers 503, and the client does not want to read all of it',
      async stage() {
        const { client, stream, over } = await peer.arrived();
        stream.respond({ ':status': 503 });
        stream.write('half');
        await once(client, 'response');
        cancelStream(client);
        await over;
      },
      client: {
        ...canceledHere,
        trigger: 'cancel',
        phase: 'receive',
        status: 'error',
        attributes: { 'error.type': '503' },
      },
      server: { ...leftByReset, phase: 'write', status: 'error', attributes: { 'error.type': '503' } },
    },
    {
      name: 'a file is being sent, and the client leaves',
      async stage() {
        const session = http2.connect(sending.url, { settings: { initialWindowSize: 100 } });
        await once(session, 'localSettings');
        const { client, over } = await sending.arrived({}, {}, session);
        await once(client, 'response');
        cancelStream(client);
        await over;
        session.destroy();
      },
      client: { ...canceledHere, trigger: 'cancel', phase: 'receive', origin: 'cancelStream' },
      server: { ...leftByReset, phase: 'write', attributes: { 'http.response.status_code': 200 } },
    },
    {
      name: 'end() was called, but the client takes no more and leaves',
      async stage() {
        const { client, stream, over } = await peer.arrived();
        stream.respond({ ':status': 200 });
        stream.end(Buffer.alloc(1_000_000));
        await once(client, 'readable');
        cancelStream(client);
        await over;
      },
      client: { ...canceledHere, trigger: 'cancel', phase: 'receive', origin: 'cancelStream' },
      server: { ...leftByReset, phase: 'write', attributes: { 'http.response.status_code': 200 } },
    },
  ];
}

async function deadlines(lab: Http2Lab): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {});
  const limited = { 'deadline.timeout_ms': 250, 'deadline.source': 'grpc-timeout' };
  return [
    {
      name: 'a deadline in the headers has passed when the client resets',
      stage: () =>
        peer.ended(({ client }) => setTimeout(() => cancelStream(client), 255), { 'grpc-timeout': '250m' }),
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'deadline',
        status: 'error',
        attributes: limited,
      },
      server: {
        outcome: 'deadline_exceeded',
        initiator: 'peer',
        trigger: 'reset',
        status: 'error',
        attributes: limited,
      },
    },
    {
      name: 'the client resets long before the deadline in the headers',
      stage: () => peer.ended(({ client }) => cancelStream(client), { 'connect-timeout-ms': '5000' }),
      client: {
        ...canceledHere,
        trigger: 'cancel',
        attributes: { 'deadline.timeout_ms': 5000, 'deadline.source': 'connect-timeout-ms' },
      },
      server: leftByReset,
    },
    {
      name: 'a deadline in the headers, as a number',
      stage: () => peer.ended(({ client }) => cancelStream(client), { 'x-request-timeout': 5000 }),
      client: {
        ...canceledHere,
        trigger: 'cancel',
        attributes: { 'deadline.timeout_ms': 5000, 'deadline.source': 'x-request-timeout' },
      },
      server: leftByReset,
    },
    {
      name: 'a deadline in the headers that breaks its grammar',
      stage: () =>
        peer.ended(
          ({ client, stream }) => {
            client.resume();
            stream.respond({}, { endStream: true });
          },
          { 'grpc-timeout': '123456789m' },
        ),
      client: {
        outcome: undefined,
        finding: 'timeout_malformed',
        attributes: { 'deadline.timeout_ms': undefined },
      },
      server: {
        outcome: undefined,
        finding: 'timeout_malformed',
        attributes: { 'deadline.timeout_ms': undefined },
      },
    },
  ];
}
