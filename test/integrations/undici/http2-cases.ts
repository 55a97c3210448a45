/** What is staged with the package undici where it speaks HTTP/2 (`allowH2`). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { selfSignedCertificate } from '../http/certificate.ts';
import { isOver } from '../http2/lab.ts';
import { aborted, rejection, unmarked, userLeaves } from './fetch-cases.ts';
import type { UndiciLibrary } from './library.ts';

export interface UndiciHttp2Server {
  readonly origin: string;
  /** Resolves with the next stream that the server is asked for. */
  nextStream(): Promise<http2.ServerHttp2Stream>;
  close(): void;
}

/** Answers `/hang` never, `/body` with a first piece, `/reset/N` by resetting the stream with N, `/499` with that. */
export async function startUndiciHttp2Server(): Promise<UndiciHttp2Server> {
  const server = http2.createSecureServer(selfSignedCertificate());
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const [, word, detail] = String(headers[':path']).split('/');
    if (word === 'reset') stream.close(Number(detail));
    else if (word === 'body') {
      stream.respond({});
      stream.write('first');
    } else if (word === '499') stream.respond({ ':status': 499 }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    nextStream: async () => (await once(server, 'stream'))[0],
    close() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

export function http2Cases(
  { name, undici }: UndiciLibrary,
  server: UndiciHttp2Server,
): readonly ContractCase[] {
  const { origin, nextStream } = server;
  // What undici puts into its own RST_STREAM: no code worth the name, whatever the reason.
  const rstCode = name === 'undici6' ? 2 : 0;
  const outlived = { 'network.connection.reused_after': true };
  const agentOf = (): InstanceType<typeof undici.Agent> =>
    new undici.Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
  type Agent = ReturnType<typeof agentOf>;
  /** With an agent of its own, destroyed at the end. */
  const using = (act: (dispatcher: Agent) => Promise<unknown>) => async (): Promise<void> => {
    const dispatcher = agentOf();
    try {
      await act(dispatcher);
    } finally {
      await dispatcher.destroy();
    }
  };
  /** Resolves with the code of the RST_STREAM that has reached the server. */
  const codeAtServer = async (stream: http2.ServerHttp2Stream): Promise<number> => {
    await isOver(stream);
    return stream.rstCode;
  };
  const leftBehind: Expectation = {
    outcome: 'context.canceled',
    initiator: 'peer',
    trigger: 'reset',
    attributes: { 'http2.rst_code': rstCode },
  };
  const cases: ContractCase[] = [
    {
      name: 'fetch() aborted while it waits',
      stage: using(async (dispatcher) => {
        const controller = new AbortController();
        const next = nextStream();
        const init = { dispatcher, signal: controller.signal };
        const promise = rejection(undici.fetch(`${origin}/hang`, init));
        const stream = await next;
        userLeaves(controller, new Error('user left'));
        await promise;
        assert.equal(await codeAtServer(stream), rstCode);
      }),
      client: {
        ...aborted,
        phase: 'wait',
        reason: 'user left',
        origin: 'userLeaves',
        attributes: { 'http2.rst_code': rstCode, ...outlived },
      },
      server: leftBehind,
    },
    {
      name: 'request() aborted while it receives',
      stage: using(async (dispatcher) => {
        const controller = new AbortController();
        const next = nextStream();
        const { body } = await undici.request(`${origin}/body`, { dispatcher, signal: controller.signal });
        const stream = await next;
        userLeaves(controller);
        await rejection(body.text());
        assert.equal(await codeAtServer(stream), rstCode);
      }),
      client: {
        ...aborted,
        phase: 'receive',
        origin: 'userLeaves',
        attributes: { 'http2.rst_code': rstCode, ...outlived },
      },
      server: leftBehind,
    },
    {
      name: 'destroy() of the agent',
      stage: using(async (dispatcher) => {
        const next = nextStream();
        const promise = rejection(undici.request(`${origin}/hang`, { dispatcher }));
        const stream = await next;
        await dispatcher.destroy();
        await promise;
        await codeAtServer(stream);
      }),
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'destroy',
        phase: 'wait',
        attributes: { 'network.connection.reused_after': false },
      },
    },
    {
      name: 'the server resets the stream because of a fault',
      stage: using((dispatcher) => rejection(undici.request(`${origin}/reset/2`, { dispatcher }))),
      client: { ...unmarked, status: 'error', attributes: { 'network.connection.reused_after': undefined } },
    },
    {
      name: 'the server answers 499',
      stage: using(async (dispatcher) => {
        await (await undici.request(`${origin}/499`, { dispatcher })).body.dump();
      }),
      client: {
        outcome: 'context.canceled',
        initiator: 'peer',
        trigger: 'status',
        attributes: { 'http2.rst_code': undefined, ...outlived },
      },
      server: { outcome: 'context.canceled', initiator: 'local', trigger: 'status' },
    },
  ];
  // Version 6 does not notice such a reset, and has no limit for the head of the response, on HTTP/2.
  if (name !== 'undici6') {
    cases.push(
      {
        name: 'the server resets the stream with CANCEL',
        stage: using((dispatcher) => rejection(undici.request(`${origin}/reset/8`, { dispatcher }))),
        client: {
          outcome: 'context.canceled',
          initiator: 'peer',
          trigger: 'reset',
          phase: 'wait',
          origin: null,
          attributes: { 'http2.rst_code': 8, ...outlived },
        },
      },
      {
        name: 'headersTimeout',
        stage: using(async (dispatcher) => {
          const next = nextStream();
          const promise = rejection(undici.request(`${origin}/hang`, { dispatcher, headersTimeout: 100 }));
          const stream = await next;
          await promise;
          assert.equal(await codeAtServer(stream), rstCode);
        }),
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'timeout',
          phase: 'wait',
          attributes: {
            'http2.rst_code': rstCode,
            'deadline.timeout_ms': 100,
            'deadline.source': 'timeout',
            ...outlived,
          },
        },
      },
    );
  }
  return cases.map((one) => ({ ...one, name: `${name}, HTTP/2: ${one.name}` }));
}
