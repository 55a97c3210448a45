/** What is no cancellation, however it ends. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type * as Http from 'node:http';
import net from 'node:net';
import { pipeline, Readable } from 'node:stream';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { closed, type Handler, type HttpLab, read } from './lab.ts';

const unmarked: Expectation = { outcome: undefined, status: 'unset' };
/** An idle limit names no point in time before it has passed. */
const withoutDeadline: Expectation = {
  ...unmarked,
  attributes: { 'deadline.timeout_ms': undefined, 'deadline.deviation_ms': undefined },
};
const failed: Expectation = { outcome: undefined, status: 'error' };
/** A failure that the official instrumentation takes for a success. */
const unmarkedFailure: Expectation = { outcome: undefined };

export function controlCases(lab: HttpLab): ContractCase[] {
  return [...answered(lab), ...broken(lab), ...unusual(lab)];
}

function answered(lab: HttpLab): ContractCase[] {
  const plain = (
    name: string,
    options: Http.RequestOptions,
    handler: Handler,
    client: Expectation = unmarked,
    server: Expectation = unmarked,
  ): ContractCase => ({
    name,
    stage: async () => {
      const { at } = await lab.serve(handler);
      await closed(lab.http.get({ ...at, ...options }, (response) => response.resume()));
    },
    client,
    server,
  });
  const status = (statusCode: number) => ({ attributes: { 'http.response.status_code': statusCode } });
  return [
    plain(
      'success',
      {},
      (_request, response) => response.end('body'),
      { ...unmarked, ...status(200) },
      { ...unmarked, ...status(200) },
    ),
    plain(
      '404',
      {},
      (_request, response) => response.writeHead(404).end(),
      { ...failed, ...status(404) },
      { ...unmarked, ...status(404) },
    ),
    plain(
      '500',
      {},
      (_request, response) => response.writeHead(500).end(),
      { ...failed, ...status(500) },
      { ...failed, ...status(500) },
    ),
    plain('204', {}, (_request, response) => response.writeHead(204).end()),
    plain('HEAD', { method: 'HEAD' }, (_request, response) =>
      response.writeHead(200, { 'content-length': 5 }).end(),
    ),
    plain('redirect', {}, (_request, response) => response.writeHead(302, { location: '/other' }).end()),
    plain('informational answers first', {}, (_request, response) => {
      response.writeProcessing();
      response.end('body');
    }),
    {
      ...plain('array headers', { headers: ['host', 'shop.test', 'x-one', '1'] }, (request, response) => {
        assert.equal(request.headers['x-one'], '1');
        response.end();
      }),
      // The official instrumentation makes an object with the keys 0, 1, … of the array.
      only: ['alone'],
    },
    plain(
      'an idle limit that is not reached',
      { timeout: 10_000 },
      (_request, response) => response.end(),
      withoutDeadline,
    ),
    plain(
      'an idle limit, and an answer that takes longer but is never silent for so long',
      { timeout: 150 },
      (_request, response) => {
        let count = 0;
        const timer = setInterval(() => {
          response.write('part');
          if (++count < 8) return;
          clearInterval(timer);
          response.end();
        }, 30);
      },
      withoutDeadline,
    ),
    {
      name: 'an idle limit, and a request that waits in the queue for longer',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => void setTimeout(() => response.end(), 120));
        const agent = new lab.http.Agent({ maxSockets: 1 });
        const first = lab.quietly(() => lab.http.get({ ...at, agent }, (response) => response.resume()));
        const end = closed(
          lab.http
            .get({ ...at, agent, timeout: 200 }, (response) => response.resume())
            .on('timeout', () => assert.fail('it was queued for 120 ms, and waited for 120')),
        );
        await Promise.all([closed(first), end]);
      },
      client: withoutDeadline,
    },
    {
      name: 'an idle limit that is taken away',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => void setTimeout(() => response.end(), 120));
        const request = lab.http.get({ ...at, timeout: 40 }, (response) => response.resume());
        request.on('timeout', () => assert.fail('there is no limit')).setTimeout(0);
        await closed(request);
      },
      client: withoutDeadline,
      server: unmarked,
    },
    plain('a signal that is never aborted', { signal: new AbortController().signal }, (_request, response) =>
      response.end(),
    ),
    {
      name: 'a limit that passes and nobody acts on',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => void setTimeout(() => response.end(), 60));
        await closed(lab.http.get({ ...at, timeout: 20 }, (response) => response.resume()));
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'destroy() and abort() when the response is complete',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => response.end('body'));
        const controller = new AbortController();
        const request = lab.http.get({ ...at, signal: controller.signal });
        const end = closed(request);
        request.on('response', (response) => response.resume().on('end', () => request.destroy()));
        await end;
        controller.abort();
      },
      client: unmarked,
      server: unmarked,
    },
    ...[
      ['HEAD', 200, { 'content-length': 5 }],
      ['GET', 204, {}],
      ['GET', 304, {}],
      ['GET', 200, { 'content-length': 0 }],
    ].map(([method, statusCode, headers]) => nothingLeft(lab, String(method), Number(statusCode), headers)),
    {
      name: 'for await that reads to the end',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => response.end('body'));
        const request = lab.http.get(at);
        const end = closed(request);
        const [response] = await once(request, 'response');
        for await (const chunk of response as Http.IncomingMessage) assert.equal(String(chunk), 'body');
        await end;
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'https, success',
      stage: async () => {
        const { at } = await lab.serveTls((_request, response) => response.end('body'));
        await closed(lab.https.get({ ...at, rejectUnauthorized: false }, (response) => response.resume()));
      },
      client: unmarked,
      server: { ...unmarked, attributes: { 'url.scheme': 'https' } },
    },
  ];
}

/** Inside of 'response' Node has not noticed yet that there is no body. */
function nothingLeft(lab: HttpLab, method: string, statusCode: number, headers: unknown): ContractCase {
  return {
    name: `${method}, an answer ${statusCode} without a body, and destroy() at its head`,
    stage: async () => {
      const { at } = await lab.serve((_request, response) => {
        response.writeHead(statusCode, headers as Http.OutgoingHttpHeaders).end();
      });
      const request = lab.http.request({ ...at, method }).end();
      request.on('response', () => request.destroy());
      await closed(request);
    },
    client: unmarked,
    server: unmarked,
  };
}

function broken(lab: HttpLab): ContractCase[] {
  const fromRaw = (
    name: string,
    onConnection: (socket: net.Socket) => void,
    client: Expectation = failed,
  ): ContractCase => ({
    name,
    stage: async () => {
      const { at } = await lab.serveRaw(onConnection);
      await closed(lab.http.get(at, (response) => response.resume().on('error', () => {})));
    },
    client,
    server: null,
  });
  const brokenBody = (what: string, listen: (server: Http.Server) => void): ContractCase => ({
    name: `a request body that breaks the grammar, ${what}`,
    stage: async () => {
      const { port, server } = await lab.serve((request) => void request.on('error', () => {}).resume());
      listen(server);
      const client = await lab.connectRaw(
        port,
        'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      client.on('end', () => client.end());
      await once(server, 'request');
      client.write('no number\r\n');
      client.resume();
      await once(client, 'close');
    },
    client: null,
    server: unmarkedFailure,
  });
  const brokenAnswer = (what: string, breakOff: (source: Readable) => void): ContractCase => ({
    name: `a stream that fills the response by pipeline() and ${what}`,
    stage: async () => {
      const { at } = await lab.serve((_request, response) => {
        const source = new Readable({ read() {} });
        source.push('first part');
        pipeline(source, response, () => {});
        setTimeout(() => breakOff(source), 10);
      });
      await closed(lab.http.get(at, (response) => response.resume().on('error', () => {})));
    },
    client: unmarkedFailure,
    server: unmarkedFailure,
  });
  return [
    {
      name: 'connection refused',
      stage: async () => {
        const { port, server } = await lab.serveRaw(() => {});
        await new Promise((resolve) => server.close(resolve));
        await closed(lab.http.get({ host: '127.0.0.1', port, agent: false }));
      },
      client: failed,
      server: null,
    },
    {
      name: 'a name that cannot be resolved',
      stage: async () => {
        const lookup = ((_host: string, _options: unknown, found: (error: Error) => void) =>
          found(
            Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }),
          )) as unknown as Http.RequestOptions['lookup'];
        await closed(lab.http.get({ host: 'nowhere.test', lookup, agent: false }));
      },
      client: failed,
      server: null,
    },
    fromRaw('the server resets before the head', (socket) =>
      socket.once('data', () => socket.resetAndDestroy()),
    ),
    fromRaw('the server closes before the head', (socket) => socket.once('data', () => socket.end())),
    fromRaw('the server answers what is no HTTP', (socket) =>
      socket.once('data', () => socket.end('hello\r\n\r\n')),
    ),
    fromRaw(
      'the server cuts the body off',
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')),
      unmarkedFailure,
    ),
    fromRaw(
      'the server resets in the body',
      (socket) =>
        socket.once('data', () =>
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', () =>
            setImmediate(() => socket.resetAndDestroy()),
          ),
        ),
      unmarkedFailure,
    ),
    {
      name: 'a handler that throws',
      stage: async () => {
        const { at, server } = await lab.serve(() => {
          throw new Error('bug');
        });
        // So that the error can be caught: it would end the process otherwise.
        server.on('checkContinue', (request, response) => {
          assert.throws(() => server.emit('request', request, response), /bug/);
          response.writeHead(500).end();
        });
        await closed(
          lab.http.get({ ...at, headers: { expect: '100-continue' } }, (response) => response.resume()),
        );
      },
      client: failed,
      server: failed,
      // The official instrumentation ends its span, and then writes to it.
      only: ['alone'],
    },
    {
      name: 'an async handler that rejects',
      stage: async () => {
        const rejects = async (): Promise<void> => {
          throw new Error('bug');
        };
        EventEmitter.captureRejections = true;
        const { at } = await lab.serve(rejects);
        EventEmitter.captureRejections = false;
        await closed(lab.http.get(at, (response) => response.resume()));
      },
      client: failed,
      server: failed,
    },
    brokenBody('and nobody listens', () => {}),
    brokenBody('and a listener of clientError that answers', (server) => {
      server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    }),
    brokenBody('and a listener of clientError that answers later', (server) => {
      server.on('clientError', (_error, socket) =>
        setImmediate(() => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      );
    }),
    brokenBody('and a listener of clientError that destroys', (server) => {
      server.on('clientError', (_error, socket) => socket.destroy());
    }),
    brokenAnswer('is destroyed with an error', (source) => source.destroy(new Error('the database is gone'))),
    brokenAnswer('ends too early', (source) => source.destroy()),
    {
      name: 'an answer that a handler writes on the socket',
      stage: async () => {
        const { port } = await lab.serve(({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nbody'));
        const client = await lab.connectRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n');
        client.resume();
        await once(client, 'end');
        client.end();
      },
      client: null,
      server: unmarked,
    },
  ];
}

function unusual(lab: HttpLab): ContractCase[] {
  const answers: Handler = (_request, response) => response.end('body');
  return [
    {
      name: 'upgrade',
      stage: async () => {
        const { at, server } = await lab.serve(answers);
        server.on('upgrade', (_request, socket) => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n');
        });
        const request = lab.http.get({ ...at, headers: { connection: 'upgrade', upgrade: 'test' } });
        const end = closed(request);
        const [, socket] = await once(request, 'upgrade');
        socket.destroy();
        await end;
      },
      client: { outcome: undefined },
      server: null,
    },
    {
      name: 'CONNECT',
      stage: async () => {
        const { at, server } = await lab.serve(answers);
        server.on('connect', (_request, socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
        const request = lab.http.request({ ...at, method: 'CONNECT', path: 'other.test:443' }).end();
        const end = closed(request);
        const [, socket] = await once(request, 'connect');
        socket.destroy();
        await end;
      },
      client: { outcome: undefined },
      server: null,
    },
    {
      name: 'Expect: 100-continue',
      stage: async () => {
        const { at } = await lab.serve(
          (request, response) => void request.resume().on('end', () => response.end()),
        );
        const request = lab.http.request({ ...at, method: 'POST', headers: { expect: '100-continue' } });
        request.on('continue', () => request.end('body'));
        await read(request);
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'an agent that is not Node’s',
      stage: async () => {
        const { port } = await lab.serve(answers);
        const agent = {
          addRequest(request: Http.ClientRequest) {
            setImmediate(() => request.onSocket(net.connect(port, '127.0.0.1')));
          },
        } as unknown as Http.Agent;
        await read(lab.http.get({ host: '127.0.0.1', port, agent }));
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'no agent, and a connection that is made later',
      stage: async () => {
        const { port } = await lab.serve(answers);
        const createConnection: Http.RequestOptions['createConnection'] = (_options, oncreate) => {
          setImmediate(() => oncreate(null, net.connect(port, '127.0.0.1')));
          return undefined;
        };
        await read(lab.http.get({ host: '127.0.0.1', port, createConnection }));
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'an exporter’s own request',
      stage: async () => {
        const { at } = await lab.serveRaw((socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
        );
        await lab.quietly(() => read(lab.http.get(at)));
      },
      client: null,
      server: null,
    },
  ];
}
