/** The incoming request ends early: by the client, by a limit, by the handler, by a shutdown. */
import { once } from 'node:events';
import type * as Http from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { context } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { closed, event, type Handler, type HttpLab, type Served } from './lab.ts';

const GET = 'GET /some/path?query=1 HTTP/1.1\r\nhost: shop.test\r\n\r\n';
const HALF_A_POST = 'POST / HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 10\r\n\r\nhalf';

function clientLeft(phase: string): Expectation {
  return {
    outcome: 'context.canceled',
    initiator: 'peer',
    trigger: 'disconnect',
    phase,
    origin: null,
    status: 'unset',
  };
}

function timedOut(phase: string): Expectation {
  return { outcome: 'deadline_exceeded', initiator: 'local', trigger: 'timeout', phase, status: 'error' };
}

export function serverCases(lab: HttpLab): ContractCase[] {
  return [...departures(lab), ...limits(lab), ...ownDecisions(lab), ...gateway(lab)];
}

/** Stages a request over a plain socket; `then` is called when the handler was. */
async function incoming(
  lab: HttpLab,
  text: string,
  handler: Handler,
  then?: (client: Awaited<ReturnType<HttpLab['connectRaw']>>, served: Served) => unknown,
  options: Http.ServerOptions = {},
): Promise<void> {
  const handled = event();
  const over = event();
  const served = await lab.serve((request, response) => {
    response.on('close', () => over.resolve());
    handler(request, response);
    handled.resolve();
  }, options);
  const client = await lab.connectRaw(served.port, text);
  client.resume();
  await handled.promise;
  await then?.(client, served);
  await over.promise;
  client.destroy();
}

function departures(lab: HttpLab): ContractCase[] {
  const startsBody: Handler = (_request, response) => {
    response.write('first part');
  };
  const stages: readonly [string, string, Handler, Expectation][] = [
    ['before the body was read', HALF_A_POST, () => {}, clientLeft('read')],
    ['while it was worked on', GET, () => {}, clientLeft('handle')],
    ['while it was answered', GET, startsBody, clientLeft('write')],
    ['with its body being read', HALF_A_POST, (request) => request.resume(), clientLeft('read')],
  ];
  const told = stages.slice(1, 3).map(
    ([when, text, handler, server]): ContractCase => ({
      name: `the client leaves ${when}, and the route was told by the instrumentation of a framework`,
      stage: () =>
        incoming(
          lab,
          text,
          (request, response) => {
            Object.assign(getRPCMetadata(context.active()) ?? {}, { route: '/some/:id' });
            return handler(request, response);
          },
          (client) => client.end(),
        ),
      client: null,
      server: {
        ...server,
        name: 'GET /some/:id',
        attributes: {
          'http.route': '/some/:id',
          'http.response.status_code': handler === startsBody ? 200 : undefined,
        },
      },
    }),
  );
  const left = stages.flatMap(([when, text, handler, server]): ContractCase[] => [
    {
      name: `the client closes ${when}`,
      stage: () => incoming(lab, text, handler, (client) => client.end()),
      client: null,
      server: {
        ...server,
        attributes: { 'http.request.method': text.split(' ')[0] as string, 'server.address': 'shop.test' },
      },
    },
    {
      name: `the client resets ${when}`,
      stage: () =>
        incoming(lab, text, handler, async (client) => {
          // The server has to have read what was sent, or the reset overtakes it.
          if (handler === startsBody) await once(client, 'data').catch(() => {});
          client.resetAndDestroy();
        }),
      client: null,
      server,
    },
  ]);
  return [...told, ...left];
}

function limits(lab: HttpLab): ContractCase[] {
  const handled = (name: string, handler: Handler, more: Partial<ContractCase> = {}): ContractCase => ({
    name,
    stage: () => incoming(lab, GET, handler),
    client: null,
    server: timedOut('handle'),
    ...more,
  });
  return [
    {
      name: 'requestTimeout',
      stage: async () => {
        const options = { requestTimeout: 60, headersTimeout: 60, connectionsCheckingInterval: 20 };
        const { at } = await lab.serve((request) => request.resume(), options);
        const request = lab.http.request({ ...at, method: 'POST' }, (response) => response.resume());
        request.write('first part, and no more');
        await closed(request);
      },
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'peer',
        trigger: 'status',
        attributes: { 'http.response.status_code': 408 },
      },
      server: { ...timedOut('read'), reason: /timeout/i },
    },
    {
      name: 'requestTimeout, and a listener of clientError that answers',
      stage: async () => {
        const options = { requestTimeout: 60, headersTimeout: 60, connectionsCheckingInterval: 20 };
        const { port, server } = await lab.serve(
          (request) => void request.on('error', () => {}).resume(),
          options,
        );
        // As Node's documentation has it.
        server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
        const client = await lab.connectRaw(port, HALF_A_POST);
        client.resume();
        await once(client, 'end');
        client.end();
      },
      client: null,
      server: { ...timedOut('read'), reason: /timeout/i },
    },
    {
      name: 'server.setTimeout() with a listener that answers on the socket',
      stage: async () => {
        const { port, server } = await lab.serve(() => {});
        (function limit() {
          server.setTimeout(60, (socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'));
        })();
        const client = await lab.connectRaw(port, GET);
        client.resume();
        await once(client, 'end');
        client.end();
      },
      client: null,
      server: { ...timedOut('handle'), origin: 'limit', attributes: { 'deadline.timeout_ms': 60 } },
    },
    {
      name: 'server.setTimeout() that nobody listens to',
      stage: async () => {
        const { at, server } = await lab.serve(() => {});
        server.setTimeout(200);
        await closed(lab.http.get(at));
      },
      client: { outcome: undefined },
      server: timedOut('handle'),
    },
    {
      name: 'server.setTimeout() with a listener that destroys the socket',
      stage: async () => {
        const { at, server } = await lab.serve(() => {});
        server.setTimeout(200, (socket) => socket.destroy());
        await closed(lab.http.get(at));
      },
      client: { outcome: undefined },
      server: timedOut('handle'),
    },
    handled('response.setTimeout() whose callback destroys the response', (_request, response) => {
      response.setTimeout(30, () => response.destroy());
    }),
    handled('request.setTimeout() that nobody listens to', (request) => {
      request.setTimeout(30);
    }),
    handled('socket.setTimeout() whose callback destroys the socket', (request) => {
      request.socket.setTimeout(30, () => request.socket.destroy());
    }),
    handled(
      'response.setTimeout() whose callback answers',
      function limit(_request, response) {
        response.setTimeout(30, () => response.writeHead(503, { connection: 'close' }).end('too slow'));
      },
      {
        server: {
          ...timedOut('handle'),
          origin: 'limit',
          attributes: {
            'deadline.timeout_ms': 30,
            'deadline.source': 'timeout',
            'http.response.status_code': 503,
          },
        },
      },
    ),
    {
      name: 'request.setTimeout() whose callback answers before the body was read',
      stage: () =>
        incoming(lab, HALF_A_POST, function limit(request, response) {
          request.setTimeout(30, () => response.writeHead(408, { connection: 'close' }).end());
        }),
      client: null,
      server: { ...timedOut('read'), origin: 'limit' },
    },
    handled(
      'response.setTimeout() whose callback answers 504 later',
      function limit(_request, response) {
        response.setTimeout(30, () => {
          setTimeout(() => response.writeHead(504, { connection: 'close' }).end(), 5);
        });
      },
      { server: { ...timedOut('handle'), trigger: 'status', origin: 'limit' } },
    ),
    handled(
      'AbortSignal.timeout() whose listener answers',
      function limit(_request, response) {
        AbortSignal.timeout(30).onabort = () => response.writeHead(503, { connection: 'close' }).end();
      },
      { server: { ...timedOut('handle'), trigger: 'signal_timeout', origin: 'limit' } },
    ),
    handled(
      'AbortSignal.timeout() whose listener answers what there is',
      (_request, response) => {
        AbortSignal.timeout(30).onabort = () => response.writeHead(200, { connection: 'close' }).end();
      },
      { server: { outcome: undefined, status: 'unset' } },
    ),
    {
      name: 'a request of the handler is too slow, and the handler answers 504',
      stage: async () => {
        const upstream = await lab.serveRaw(() => {});
        await incoming(lab, GET, async function limit(_request, response) {
          await closed(lab.http.get({ ...upstream.at, signal: AbortSignal.timeout(30) }));
          response.writeHead(504, { connection: 'close' }).end();
        });
      },
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'signal_timeout',
        origin: 'limit',
      },
      server: { ...timedOut('handle'), trigger: 'status', origin: 'limit' },
    },
    {
      name: 'a request of the handler is too slow, the next one is not, and the handler answers 504',
      stage: async () => {
        const upstream = await lab.serveRaw(() => {});
        const other = await lab.serveRaw((socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
        );
        await incoming(lab, GET, async (_request, response) => {
          await closed(
            lab.quietly(() => lab.http.get({ ...upstream.at, timeout: 30 })).on('timeout', destroy),
          );
          await closed(lab.http.get(other.at, (answer) => answer.resume()));
          response.writeHead(504, { connection: 'close' }).end();
        });
        function destroy(this: Http.ClientRequest): void {
          this.destroy();
        }
      },
      server: { ...timedOut('handle'), trigger: 'status', origin: null },
    },
    handled(
      'response.setTimeout() whose callback answers what there is',
      (_request, response) => {
        response.setTimeout(30, () => response.writeHead(200, { connection: 'close' }).end('half of it'));
      },
      { server: { outcome: undefined, status: 'unset' } },
    ),
    handled(
      'response.setTimeout() whose callback writes to a log, and an answer that comes later',
      (_request, response) => {
        response.setTimeout(30, () => {});
        setTimeout(() => response.writeHead(500, { connection: 'close' }).end(), 60);
      },
      { server: { outcome: undefined, status: 'error' } },
    ),
  ];
}

function ownDecisions(lab: HttpLab): ContractCase[] {
  const own = (
    trigger: string,
    phase: string | readonly string[],
    more: Partial<Expectation> = {},
  ): Expectation => ({
    outcome: 'context.canceled',
    initiator: 'local',
    trigger,
    phase,
    origin: 'drop',
    status: 'unset',
    ...more,
  });
  const dropped = (name: string, handler: Handler, server: Expectation): ContractCase => ({
    name,
    stage: async () => {
      const { at } = await lab.serve(handler);
      await closed(lab.http.get(at, (response) => response.on('error', () => {})));
    },
    client: { outcome: undefined },
    server,
  });
  return [
    dropped(
      'response.destroy() by the handler',
      function drop(_request, response) {
        response.destroy();
      },
      own('destroy', 'handle'),
    ),
    dropped(
      'response.destroy(error) in the body',
      function drop(_request, response) {
        response.write('first part');
        response.destroy(
          Object.assign(new Error('upstream is gone'), { code: 'ECONNRESET', syscall: 'read' }),
        );
      },
      // Newer versions of Node hold the head back until the next tick.
      own('destroy', ['handle', 'write'], { reason: 'upstream is gone' }),
    ),
    dropped(
      'request.destroy() by the handler',
      function drop(request) {
        request.destroy();
      },
      own('destroy', 'handle'),
    ),
    dropped(
      'response.destroy() in a listener of an abort',
      function drop(_request, response) {
        const controller = new AbortController();
        controller.signal.addEventListener('abort', () => response.destroy());
        controller.abort();
      },
      own('abort', 'handle'),
    ),
    dropped(
      'a pipeline() into the response that is aborted',
      function drop(_request, response) {
        const controller = new AbortController();
        const source = new Readable({ read() {} });
        source.push('first part');
        pipeline(source, response, { signal: controller.signal }).catch(() => {});
        setImmediate(function drop() {
          controller.abort();
        });
      },
      own('abort', ['handle', 'write']),
    ),
    dropped(
      'a pipeline() into the response, with a timeout signal',
      function limit(_request, response) {
        const source = new Readable({ read() {} });
        source.push('first part');
        pipeline(source, response, { signal: AbortSignal.timeout(30) }).catch(() => {});
      },
      { ...timedOut('write'), trigger: 'signal_timeout', origin: 'limit' },
    ),
    dropped(
      'socket.end() by the handler, without a word',
      function drop(request) {
        request.socket.end();
      },
      own('destroy', 'handle'),
    ),
    dropped(
      'socket.destroy() by the handler',
      function drop(request) {
        request.socket.destroy();
      },
      own('destroy', 'handle'),
    ),
    ...(['destroy', 'end'] as const).map((method): ContractCase => {
      const sockets: Socket[] = [];
      return {
        name: `socket.${method}() by whoever has closed the server`,
        stage: () =>
          incoming(
            lab,
            GET,
            (request) => sockets.push(request.socket),
            function drop(_client, { server }) {
              server.close();
              sockets.pop()?.[method]();
            },
          ),
        client: null,
        server: own('shutdown', 'handle'),
      };
    }),
    {
      name: 'socket.destroy() by the handler, when the server is closed',
      stage: async () => {
        const closing = event();
        await incoming(
          lab,
          GET,
          async function drop({ socket }) {
            await closing.promise;
            socket.destroy();
          },
          (_client, { server }) => {
            server.close();
            closing.resolve();
          },
        );
      },
      client: null,
      server: own('destroy', 'handle'),
    },
    {
      name: 'socket.destroy() by others, when the server is open',
      stage: async () => {
        let socket: Socket | undefined;
        await incoming(
          lab,
          GET,
          (request) => {
            socket = request.socket;
          },
          function drop() {
            socket?.destroy();
          },
        );
      },
      client: null,
      server: own('destroy', 'handle'),
    },
    {
      name: 'server.closeAllConnections()',
      stage: () =>
        incoming(
          lab,
          GET,
          () => {},
          function drop(_client, { server }) {
            server.closeAllConnections();
          },
        ),
      client: null,
      server: own('shutdown', 'handle'),
    },
    {
      name: 'https, server.closeAllConnections()',
      stage: async () => {
        const handled = event();
        const { at, server } = await lab.serveTls(() => handled.resolve());
        const end = closed(lab.https.get({ ...at, rejectUnauthorized: false }));
        await handled.promise;
        (function drop() {
          server.closeAllConnections();
        })();
        await end;
      },
      client: { outcome: undefined },
      server: own('shutdown', 'handle'),
    },
  ];
}

/** The incoming request is cancelled, and so the handler cancels what it started for it. */
function gateway(lab: HttpLab): ContractCase[] {
  const inherited: Expectation = {
    outcome: 'context.canceled',
    initiator: 'inherited',
    trigger: 'abort',
    phase: 'wait',
    origin: 'passOn',
  };
  /** @param call when the handler starts its outgoing request */
  const passesOn = (
    name: string,
    text: string,
    call: (request: Http.IncomingMessage, start: () => void) => void,
  ): ContractCase => ({
    name,
    stage: async () => {
      const asked = event();
      const upstream = await lab.serveRaw((socket) => socket.once('data', () => asked.resolve()));
      const over = event();
      const { port } = await lab.serve((request, response) => {
        const controller = new AbortController();
        call(request, () => {
          void closed(lab.http.get({ ...upstream.at, signal: controller.signal })).then(() => over.resolve());
        });
        response.on('close', function passOn() {
          controller.abort();
        });
      });
      const client = await lab.connectRaw(port, text);
      await asked.promise;
      client.destroy();
      await over.promise;
    },
    client: inherited,
    server: clientLeft('handle'),
  });
  return [
    passesOn('the handler aborts its own request when the client leaves', GET, (_request, start) => start()),
    passesOn(
      'the same, of a request that was started when the body had been read',
      'POST / HTTP/1.1\r\nhost: shop.test\r\ncontent-length: 4\r\n\r\nbody',
      (request, start) => request.on('end', start).resume(),
    ),
  ];
}
