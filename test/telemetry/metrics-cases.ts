/** Operations of every library and every outcome, on real sockets, and the series that each must add to. */
import { setTimeout as delay } from 'node:timers/promises';
import type * as Grpc from '@grpc/grpc-js';
import {
  answerError,
  cancelled,
  drain,
  GrpcService,
  loadGrpc,
  startCall,
} from '../integrations/grpc/service.ts';
import { closed, event, HttpLab, read } from '../integrations/http/lab.ts';
import { Http2Lab, type Served } from '../integrations/http2/lab.ts';

export interface MetricsCase {
  readonly name: string;
  /** Returns when both sides have seen the end. */
  readonly stage: () => Promise<unknown>;
  /** Lines of `cancellation.operations`, as linesOf() writes them. */
  readonly operations: readonly string[];
  /** Lines of `cancellation.deadline.deviation`: `-` in time, `+` not, `*` that a race decides. */
  readonly deviation?: readonly string[];
  /** More than one where a race decides between them and others. */
  readonly attempts?: number;
}

export interface MetricsCases {
  readonly cases: readonly MetricsCase[];
  readonly lab: HttpLab;
  close(): Promise<unknown>;
}

const LIMIT_MS = 150;

export async function metricsCases(): Promise<MetricsCases> {
  const lab = new HttpLab();
  const http = await httpCases(lab);
  const http2Lab = new Http2Lab();
  const http2 = await http2Cases(http2Lab);
  const grpc = loadGrpc();
  const service = await new GrpcService(grpc).listen();
  const client = await service.client();
  return {
    cases: [...http, ...http2, ...grpcCases(grpc, service, client)],
    lab,
    async close() {
      service.close();
      await http2Lab.close();
      await lab.close();
    },
  };
}

async function httpCases(lab: HttpLab): Promise<MetricsCase[]> {
  const express = lab.require('express') as typeof import('express');
  let entered = event();
  let left = event();
  const app = express();
  app.get('/item/:id', (_request, response) => void response.send('item'));
  app.get('/broken/:id', (_request, response) => void response.status(500).send('broken'));
  app.get('/wait/:id', (_request, response) => {
    response.on('close', () => setImmediate(left.resolve));
    entered.resolve();
  });
  app.use((_request, response) => void response.send('anything'));
  const { at, port } = await lab.serve(app as never);
  const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

  async function leave(
    start: (signal: AbortSignal) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<void> {
    entered = event();
    left = event();
    const controller = new AbortController();
    const end = start(signal ?? controller.signal);
    await entered.promise;
    if (signal === undefined) controller.abort();
    await Promise.all([end.catch(() => {}), left.promise]);
  }
  const byHttp = (signal: AbortSignal): Promise<unknown> =>
    closed(lab.http.get({ ...at, path: '/wait/1', signal }));
  const byFetch = (signal: AbortSignal): Promise<unknown> => fetch(url('/wait/1'), { signal });
  const get = 'system=http http.request.method=GET';
  const wait = `${get} http.route=/wait/:id 1`;
  const late = ['side=client system=http outcome=deadline_exceeded 1 +'];

  const cases: MetricsCase[] = [];
  for (const [name, call, go] of [
    ['node:http', (path: string) => read(lab.http.get({ ...at, path })), byHttp],
    ['fetch', async (path: string) => (await fetch(url(path))).text(), byFetch],
  ] as const) {
    cases.push(
      {
        name: `${name}: completed`,
        stage: () => call('/item/1'),
        operations: [
          `outcome=completed side=client ${get} 1`,
          `outcome=completed side=server ${get} http.route=/item/:id 1`,
        ],
      },
      {
        name: `${name}: failed`,
        stage: () => call('/broken/1'),
        operations: [
          `outcome=failed side=client ${get} 1`,
          `outcome=failed side=server ${get} http.route=/broken/:id 1`,
        ],
      },
      {
        name: `${name}: canceled`,
        stage: () => leave(go),
        operations: [
          `outcome=canceled side=client system=http cancel.initiator=local cancel.trigger=abort http.request.method=GET 1`,
          `outcome=canceled side=server system=http cancel.initiator=peer cancel.trigger=disconnect http.request.method=GET ${wait.slice(get.length + 1)}`,
        ],
      },
      {
        name: `${name}: deadline exceeded`,
        stage: () => leave(go, AbortSignal.timeout(LIMIT_MS)),
        operations: [
          `outcome=canceled side=server system=http cancel.initiator=peer cancel.trigger=disconnect http.request.method=GET ${wait.slice(get.length + 1)}`,
          `outcome=deadline_exceeded side=client system=http cancel.initiator=local cancel.trigger=signal_timeout http.request.method=GET 1`,
        ],
        deviation: late,
      },
      {
        name: `${name}: in time`,
        stage: () =>
          name === 'fetch'
            ? fetch(url('/item/1'), { signal: AbortSignal.timeout(60_000) }).then((response) =>
                response.text(),
              )
            : read(lab.http.get({ ...at, path: '/item/1', signal: AbortSignal.timeout(60_000) })),
        operations: [
          `outcome=completed side=client ${get} 1`,
          `outcome=completed side=server ${get} http.route=/item/:id 1`,
        ],
        deviation: ['side=client system=http outcome=completed 1 -'],
      },
    );
  }
  cases.push(
    {
      name: 'node:http: a method that could be anything, and no route',
      stage: () => read(lab.http.request({ ...at, method: 'PROPFIND', path: '/x' }).end()),
      operations: [
        'outcome=completed side=client system=http http.request.method=_OTHER 1',
        'outcome=completed side=server system=http http.request.method=_OTHER 1',
      ],
    },
    {
      name: 'node:http: nobody listens',
      stage: () => closed(lab.http.get({ host: '127.0.0.1', port: 1, agent: false })),
      operations: [`outcome=failed side=client ${get} 1`],
    },
  );
  return cases;
}

async function http2Cases(lab: Http2Lab): Promise<MetricsCase[]> {
  const peer = await lab.serve(({ stream, headers }: Served) => {
    if (headers[':path'] === '/wait') return;
    stream.respond({ ':status': headers[':path'] === '/broken' ? 500 : 200 });
    stream.end('done');
  });
  const get = 'system=http2 http.request.method=GET';
  const pair = (outcome: string): string[] => [
    `outcome=${outcome} side=client ${get} 1`,
    `outcome=${outcome} side=server ${get} 1`,
  ];
  async function answered(path: string): Promise<void> {
    const { client, over } = await peer.arrived({ ':path': path });
    client.resume();
    await over;
  }
  return [
    { name: 'node:http2: completed', stage: () => answered('/'), operations: pair('completed') },
    { name: 'node:http2: failed', stage: () => answered('/broken'), operations: pair('failed') },
    {
      name: 'node:http2: canceled',
      async stage() {
        const { client, over } = await peer.arrived({ ':path': '/wait' });
        client.close(8);
        await over;
      },
      operations: [
        'outcome=canceled side=client system=http2 cancel.initiator=local cancel.trigger=cancel http.request.method=GET 1',
        'outcome=canceled side=server system=http2 cancel.initiator=peer cancel.trigger=reset http.request.method=GET 1',
      ],
    },
    {
      name: 'node:http2: deadline exceeded',
      async stage() {
        const { over } = await peer.arrived({ ':path': '/wait' }, { signal: AbortSignal.timeout(LIMIT_MS) });
        await over;
      },
      operations: [
        'outcome=canceled side=server system=http2 cancel.initiator=peer cancel.trigger=reset http.request.method=GET 1',
        'outcome=deadline_exceeded side=client system=http2 cancel.initiator=local cancel.trigger=signal_timeout http.request.method=GET 1',
      ],
      deviation: ['side=client system=http2 outcome=deadline_exceeded 1 +'],
    },
  ];
}

function grpcCases(grpc: typeof Grpc, service: GrpcService, client: Grpc.Client): MetricsCase[] {
  const { status } = grpc;
  const unary = 'system=grpc rpc.method=test.Echo/unary 1';
  const pair = (outcome: string, method = 'unary'): string[] =>
    ['client', 'server'].map(
      (side) => `outcome=${outcome} side=${side} system=grpc rpc.method=test.Echo/${method} 1`,
    );
  const sides = (outcome: string, sign: string): string[] =>
    ['client', 'server'].map((side) => `side=${side} system=grpc outcome=${outcome} 1 ${sign}`);
  return [
    {
      name: 'gRPC: completed, in time',
      stage: () => startCall(client, 'unary', { deadline: Date.now() + 60_000 }).ended,
      operations: pair('completed'),
      deviation: sides('completed', '-'),
    },
    {
      name: 'gRPC: completed stream',
      async stage() {
        const { call, ended } = startCall(client, 'serverStream');
        drain(call);
        await ended;
      },
      operations: pair('completed', 'serverStream'),
    },
    {
      name: 'gRPC: failed',
      stage() {
        service.handler = (call, answer) =>
          answerError(call, answer, { code: status.UNAVAILABLE, details: 'no' });
        return startCall(client, 'unary').ended;
      },
      operations: pair('failed'),
    },
    {
      name: 'gRPC: failed for the client only, whose doing it is',
      stage() {
        service.handler = (call, answer) =>
          answerError(call, answer, { code: status.NOT_FOUND, details: 'no' });
        return startCall(client, 'unary').ended;
      },
      operations: [`outcome=completed side=server ${unary}`, `outcome=failed side=client ${unary}`],
    },
    {
      name: 'gRPC: canceled',
      async stage() {
        const held = service.hold();
        const { call, ended } = startCall(client, 'unary');
        const told = cancelled(await held);
        call.cancel();
        await Promise.all([ended, told]);
      },
      operations: [
        'outcome=canceled side=client system=grpc cancel.initiator=local cancel.trigger=cancel rpc.method=test.Echo/unary 1',
        'outcome=canceled side=server system=grpc cancel.initiator=peer cancel.trigger=reset rpc.method=test.Echo/unary 1',
      ],
    },
    {
      name: 'gRPC: deadline exceeded',
      async stage() {
        const held = service.hold();
        const { ended } = startCall(client, 'unary', { deadline: Date.now() + LIMIT_MS });
        const told = cancelled(await held);
        await Promise.all([ended, told]);
        await delay(10);
      },
      // Which of the two timers is the first is a race; on a busy machine the client's reset may be before the server's.
      attempts: 5,
      operations: [
        'outcome=deadline_exceeded side=client system=grpc cancel.initiator=local cancel.trigger=deadline rpc.method=test.Echo/unary 1',
        'outcome=deadline_exceeded side=server system=grpc cancel.initiator=* cancel.trigger=* rpc.method=test.Echo/unary 1',
      ],
      deviation: [
        'side=client system=grpc outcome=deadline_exceeded 1 +',
        'side=server system=grpc outcome=deadline_exceeded 1 *',
      ],
    },
  ];
}
