/** What applications really use on top of node:http: axios and express. */

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import type { RequestHandler } from 'express';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { connectClientOverHttp1 } from '../http2/connect-service.ts';
import { event, type HttpLab, read } from './lab.ts';

const clientLeft: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'disconnect',
  phase: 'handle',
};

const tooSlow: Expectation = {
  outcome: 'deadline_exceeded',
  initiator: 'local',
  trigger: 'timeout',
  phase: 'handle',
  origin: null,
  status: 'error',
  attributes: { 'http.response.status_code': 503 },
};

const limitSent = (protocol: 'connect' | 'grpc-web') => ({
  'deadline.timeout_ms': 1_000,
  'deadline.source': protocol === 'connect' ? 'connect-timeout-ms' : 'grpc-timeout',
});

export function libraryCases(lab: HttpLab): ContractCase[] {
  const axios = lab.require('axios') as typeof import('axios').default;
  const express = lab.require('express') as typeof import('express');
  const { fastify } = lab.require('fastify') as typeof import('fastify');
  const timeout = lab.require('connect-timeout') as (ms: number) => RequestHandler;
  const app = async (listener: ReturnType<typeof express>): Promise<number> => {
    const server: Server = lab.http.createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    lab.onClose(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  return [
    {
      name: 'axios with a signal',
      stage: async () => {
        const handled = event();
        const { port } = await lab.serve(() => handled.resolve());
        const controller = new AbortController();
        const end = axios.get(`http://127.0.0.1:${port}/`, { signal: controller.signal }).catch(() => {});
        await handled.promise;
        (function leave() {
          controller.abort();
        })();
        await end;
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'abort',
        phase: 'wait',
        origin: 'leave',
        status: 'unset',
      },
      server: clientLeft,
    },
    {
      name: 'axios with a timeout',
      stage: async () => {
        const { port } = await lab.serve(() => {});
        await axios.get(`http://127.0.0.1:${port}/`, { timeout: 300 }).catch(() => {});
      },
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'timeout',
        phase: 'wait',
        status: 'error',
      },
      server: clientLeft,
    },
    ...(['connect', 'grpc-web'] as const).map(
      (protocol): ContractCase => ({
        name: `Connect over HTTP/1.1, ${protocol} protocol: timeoutMs`,
        stage: async () => {
          const { port } = await lab.serve(() => {});
          const client = connectClientOverHttp1(lab.require, protocol, `http://127.0.0.1:${port}`);
          await client.unary({ value: 'ping' }, { timeoutMs: 1_000 }).catch(() => {});
        },
        client: {
          outcome: 'deadline_exceeded',
          initiator: 'local',
          trigger: 'signal_timeout',
          phase: 'wait',
          reason: 'ConnectError: [deadline_exceeded] the operation timed out',
          status: 'error',
          attributes: limitSent(protocol),
        },
        // A client that is still being compiled sends it long after it has started its timer.
        server: [
          {
            ...clientLeft,
            outcome: 'deadline_exceeded',
            status: 'error',
            attributes: limitSent(protocol),
          },
          { ...clientLeft, attributes: limitSent(protocol) },
        ],
      }),
    ),
    {
      name: 'Connect over HTTP/1.1: timeoutMs, and an answer in time',
      stage: async () => {
        const { port } = await lab.serve((_request, response) => {
          response.setHeader('content-type', 'application/proto').end();
        });
        const client = connectClientOverHttp1(lab.require, 'connect', `http://127.0.0.1:${port}`);
        await client.unary({ value: 'ping' }, { timeoutMs: 1_000 });
      },
      client: { outcome: undefined, attributes: limitSent('connect') },
      server: { outcome: undefined, attributes: limitSent('connect') },
    },
    ...(
      [
        ['an object', { 'X-Request-Timeout': 5_000 }],
        ['an array', ['Host', 'here', 'X-Request-Timeout', '5000']],
        ['one that is sent at once', { Expect: '100-continue', 'x-request-timeout': '5000' }],
      ] as const
    ).map(
      ([what, headers]): ContractCase => ({
        name: `a limit in the headers of a request, ${what}`,
        // The official instrumentation makes an object of an array, by its indices.
        ...(Array.isArray(headers) && { only: ['alone'] }),
        stage: async () => {
          const { port } = await lab.serve((_request, response) => response.end());
          const options = { host: '127.0.0.1', port, headers: headers as Record<string, string> };
          const [response] = (await once(lab.http.get(options), 'response')) as [Readable];
          await once(response.resume(), 'end');
        },
        client: {
          outcome: undefined,
          attributes: { 'deadline.timeout_ms': 5_000, 'deadline.source': 'x-request-timeout' },
        },
        server: {
          outcome: undefined,
          attributes: { 'deadline.timeout_ms': 5_000, 'deadline.source': 'x-request-timeout' },
        },
      }),
    ),
    ...(
      [
        ['an object', { 'Connect-Timeout-Ms': '5s' }],
        ['an array', ['Host', 'here', 'Connect-Timeout-Ms', '5s']],
        ['two', ['Host', 'here', 'Connect-Timeout-Ms', '5000', 'connect-timeout-ms', '5001']],
      ] as const
    ).map(
      ([what, headers]): ContractCase => ({
        name: `a limit in the headers of a request that breaks its grammar, ${what}`,
        ...(Array.isArray(headers) && { only: ['alone'] }),
        stage: async () => {
          const { port } = await lab.serve((_request, response) => response.end());
          const options = { host: '127.0.0.1', port, headers: headers as Record<string, string> };
          const [response] = (await once(lab.http.get(options), 'response')) as [Readable];
          await once(response.resume(), 'end');
        },
        client: {
          outcome: undefined,
          finding: 'timeout_malformed',
          attributes: { 'deadline.timeout_ms': undefined },
        },
        server: { outcome: undefined, finding: 'timeout_malformed' },
      }),
    ),
    {
      name: 'Connect over HTTP/1.1, aborted before its timeoutMs',
      stage: async () => {
        const handled = event();
        const { port } = await lab.serve(() => handled.resolve());
        const client = connectClientOverHttp1(lab.require, 'connect', `http://127.0.0.1:${port}`);
        const controller = new AbortController();
        const call = client.unary({ value: 'ping' }, { timeoutMs: 5_000, signal: controller.signal });
        const end = call.catch(() => {});
        await handled.promise;
        (function leave() {
          controller.abort();
        })();
        await end;
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'abort',
        phase: 'wait',
        origin: 'leave',
        status: 'unset',
        attributes: { 'deadline.timeout_ms': 5_000 },
      },
      server: clientLeft,
    },
    {
      name: 'axios, whose answer is longer than maxContentLength: null, as axios says, is no reason',
      stage: async () => {
        const { port } = await lab.serve((_request, response) => response.write('more than ten'));
        await axios.get(`http://127.0.0.1:${port}/`, { maxContentLength: 10 }).catch(() => {});
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'destroy',
        phase: 'receive',
        status: 'unset',
        attributes: { 'cancel.reason': undefined },
      },
      server: { ...clientLeft, phase: 'write' },
    },
    {
      name: 'axios, success',
      stage: async () => {
        const { port } = await lab.serve((_request, response) => response.end('body'));
        await axios.get(`http://127.0.0.1:${port}/`, { timeout: 10_000 });
      },
      client: { outcome: undefined, status: 'unset' },
      server: { outcome: undefined, status: 'unset' },
    },
    {
      name: 'express, the client leaves',
      stage: async () => {
        const handled = event();
        const over = event();
        const application = express();
        application.use(express.json());
        application.post('/', (_request, response) => {
          response.on('close', () => over.resolve());
          handled.resolve();
        });
        const port = await app(application);
        const client = await lab.connectRaw(
          port,
          'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
        );
        await handled.promise;
        client.destroy();
        await over.promise;
      },
      client: null,
      server: clientLeft,
    },
    {
      name: 'express, a handler that throws',
      stage: async () => {
        const application = express();
        application.set('env', 'test');
        application.get('/', () => {
          throw new Error('bug');
        });
        const port = await app(application);
        const client = await lab.connectRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
        client.resume();
        await once(client, 'close');
      },
      client: null,
      server: { outcome: undefined, status: 'error' },
    },
    {
      name: 'connect-timeout on Express',
      stage: async () => {
        const application = express().use(timeout(40));
        application.set('env', 'test');
        application.get('/', () => {});
        await read(lab.http.get({ port: await app(application), host: '127.0.0.1', agent: false }));
      },
      client: { outcome: undefined, status: 'error' },
      server: { ...tooSlow, reason: 'Response timeout' },
    },
    {
      name: 'connect-timeout on Express, and a failure before it has passed',
      stage: async () => {
        const application = express().use(timeout(10_000));
        application.get('/', (_request, response) => void response.status(503).end());
        await read(lab.http.get({ port: await app(application), host: '127.0.0.1', agent: false }));
      },
      client: { outcome: undefined, status: 'error' },
      server: { outcome: undefined, status: 'error' },
    },
    ...[40, 10_000].map((handlerTimeout): ContractCase => {
      const passes = handlerTimeout === 40;
      return {
        name: `Fastify, handlerTimeout, which ${passes ? 'passes' : 'does not pass before a failure'}`,
        stage: async () => {
          const application = fastify({ handlerTimeout });
          application.get('/', async (_request, reply) => {
            if (passes) await new Promise((resolve) => lab.onClose(resolve as () => void));
            return reply.code(503).send('the database is gone');
          });
          await application.listen({ port: 0, host: '127.0.0.1' });
          const { port } = application.server.address() as AddressInfo;
          await read(lab.http.get({ port, host: '127.0.0.1', agent: false }));
          await application.close();
        },
        client: { outcome: undefined, status: 'error' },
        server: passes
          ? { ...tooSlow, reason: "FastifyError: Request timed out after 40 ms on route '/'" }
          : { outcome: undefined, status: 'error' },
      };
    }),
  ];
}
