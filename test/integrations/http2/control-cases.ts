/** Streams that nobody cancels: nothing of ours may be on their spans. */
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { fileURLToPath } from 'node:url';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { cancelStream, unmarked } from './expected.ts';
import { answerWith, goAway, head, reset } from './frames.ts';
import {
  type Api,
  type Http2Lab,
  type InFlight,
  isOver,
  SERVERS,
  type Served,
  type Transport,
} from './lab.ts';

export async function controlCases(lab: Http2Lab): Promise<ContractCase[]> {
  const cases: ContractCase[] = [];
  for (const [transport, api] of SERVERS) {
    cases.push(...(await successes(lab, transport, api)));
  }
  cases.push(...(await sessions(lab)), ...(await otherPeers(lab)), ...(await unrecorded(lab)));
  return cases;
}

function respond({ stream, response }: Served, status: number, body?: string | Buffer): void {
  if (response !== undefined) {
    response.statusCode = status;
    response.end(body ?? '');
  } else {
    stream.respond({ ':status': status }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
  }
}

/** The client reads all of the answer. */
async function answered(inFlight: InFlight, status: number, body?: string | Buffer): Promise<void> {
  respond(inFlight, status, body);
  inFlight.client.resume();
  await inFlight.over;
}

async function successes(lab: Http2Lab, transport: Transport, api: Api): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {}, { transport, api });
  const marked = (status: number): Expectation => ({
    ...unmarked,
    attributes: { ...unmarked.attributes, 'http.response.status_code': status },
  });

  function success(
    name: string,
    status: number,
    stage: (start: typeof peer.arrived) => Promise<unknown>,
  ): ContractCase {
    return {
      name: `${transport}, ${api}: ${name}`,
      stage: () => stage((...args) => peer.arrived(...args)),
      client: marked(status),
      server: marked(status),
    };
  }

  return [
    success('a response with a body', 200, async (start) => answered(await start(), 200, 'body')),
    success('a large response', 200, async (start) => answered(await start(), 200, Buffer.alloc(1_000_000))),
    success('a request with a body that is echoed', 200, async (start) => {
      const inFlight = await start({ ':method': 'POST' });
      const { stream, request, response, client } = inFlight;
      (request ?? stream).pipe(response ?? stream);
      client.write('part');
      client.end('part');
      client.resume();
      await inFlight.over;
    }),
    success('a body that is read with for await to its end', 200, async (start) => {
      const inFlight = await start();
      respond(inFlight, 200, 'body');
      for await (const _chunk of inFlight.client);
      await inFlight.over;
    }),
    success('204', 204, async (start) => answered(await start(), 204)),
    success('HEAD', 200, async (start) => answered(await start({ ':method': 'HEAD' }), 200)),
    success('destroy() and close() when all is over', 200, async (start) => {
      const inFlight = await start();
      const ended = once(inFlight.client, 'end');
      respond(inFlight, 200, 'body');
      inFlight.client.resume();
      await ended;
      inFlight.client.destroy();
      inFlight.stream.close();
      await inFlight.over;
    }),
    success('the server answers and closes the stream before it has read the request', 200, async (start) => {
      const inFlight = await start({ ':method': 'POST' });
      inFlight.client.write('part');
      inFlight.client.resume();
      respond(inFlight, 200, 'body');
      await inFlight.over;
    }),
    success('a graceful end of the server’s session', 200, async (start) => {
      const inFlight = await start({}, {}, peer.connect());
      inFlight.stream.session?.close();
      await once(inFlight.session, 'goaway');
      await answered(inFlight, 200, 'body');
    }),
    success('session.close() of the client', 200, async (start) => {
      const inFlight = await start({}, {}, peer.connect());
      inFlight.session.close();
      await answered(inFlight, 200, 'body');
    }),
    success('session.destroy() when all is over', 200, async (start) => {
      const inFlight = await start({}, {}, peer.connect());
      const ended = once(inFlight.client, 'end');
      respond(inFlight, 200, 'body');
      inFlight.client.resume();
      await ended;
      inFlight.session.destroy();
      await inFlight.over;
    }),
    success('an idle limit that does not pass', 200, async (start) => {
      const inFlight = await start();
      inFlight.client.setTimeout(10_000);
      inFlight.stream.setTimeout(10_000);
      await answered(inFlight, 200, 'body');
    }),
    success('an idle limit that passes, but nobody minds', 200, async (start) => {
      const inFlight = await start();
      const passed = once(inFlight.client, 'timeout');
      inFlight.client.setTimeout(20);
      await passed;
      await answered(inFlight, 200, 'body');
    }),
    success('a signal that is aborted when all is over', 200, async (start) => {
      const controller = new AbortController();
      const inFlight = await start({}, { signal: controller.signal });
      await answered(inFlight, 200, 'body');
      controller.abort();
    }),
  ];
}

async function sessions(lab: Http2Lab): Promise<ContractCase[]> {
  const closedPort = await lab.serveRaw(() => {});
  const deaf = await lab.serveRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const file = await lab.serve(({ stream }) => stream.respondWithFile(fileURLToPath(import.meta.url)));
  const trailing = await lab.serve(({ stream }) => {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>' });
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ checksum: '1' }));
    stream.end('body');
  });

  async function fails(session: http2.ClientHttp2Session): Promise<void> {
    session.on('error', () => {});
    const client = session.request();
    client.on('error', () => {});
    await isOver(client);
    session.destroy();
  }

  return [
    {
      name: 'connection refused',
      stage: () => fails(http2.connect('http://127.0.0.1:1')),
      client: { outcome: undefined, status: 'error', attributes: { 'error.type': 'ECONNREFUSED' } },
      server: null,
    },
    {
      name: 'a server that speaks no HTTP/2',
      stage: () => fails(http2.connect(`http://127.0.0.1:${deaf}`)),
      client: { outcome: undefined, status: 'error' },
      server: null,
    },
    {
      name: 'a request on a session that is destroyed',
      async stage() {
        const session = http2.connect(`http://127.0.0.1:${closedPort}`);
        session.on('error', () => {});
        session.destroy();
        try {
          // Node 20 to 24 throw, later ones let the stream fail.
          const client = session.request();
          client.on('error', () => {});
          await isOver(client);
        } catch {}
      },
      client: {
        outcome: undefined,
        status: 'error',
        attributes: { 'error.type': 'ERR_HTTP2_INVALID_SESSION' },
      },
      server: null,
    },
    {
      name: 'headers that Node refuses',
      async stage() {
        const session = await file.session();
        try {
          session.request({ ':nonsense': '1' });
        } catch {}
      },
      client: {
        outcome: undefined,
        status: 'error',
        attributes: { 'error.type': 'ERR_HTTP2_INVALID_PSEUDOHEADER' },
      },
      server: null,
    },
    {
      name: 'a file',
      stage: () => file.ended(({ client }) => client.resume()),
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'early hints and trailers',
      stage: () => trailing.ended(({ client }) => client.resume()),
      client: unmarked,
      server: unmarked,
    },
  ];
}

async function otherPeers(lab: Http2Lab): Promise<ContractCase[]> {
  async function exchangeWith(frames: (streamId: number) => readonly Buffer[]): Promise<void> {
    const port = await lab.serveRaw((socket) => answerWith(socket, frames));
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const client = session.request();
    client.on('error', () => {});
    client.resume();
    await isOver(client);
    session.destroy();
  }

  function failing(errorType: string): Expectation {
    return { outcome: undefined, status: 'error', attributes: { 'error.type': errorType } };
  }

  const cases: Omit<ContractCase, 'server'>[] = [
    {
      name: 'a server resets with CANCEL in the body',
      stage: () => exchangeWith((id) => [head(id), reset(id, 8)]),
      client: {
        outcome: 'context.canceled',
        initiator: 'peer',
        trigger: 'reset',
        phase: ['wait', 'receive'],
        origin: null,
        status: 'unset',
        attributes: { 'http2.rst_code': 8, 'network.connection.reused_after': true },
      },
    },
    {
      name: 'a server resets with REFUSED_STREAM',
      stage: () => exchangeWith((id) => [reset(id, 7)]),
      client: failing('NGHTTP2_REFUSED_STREAM'),
    },
    {
      name: 'a server resets with PROTOCOL_ERROR in the body',
      stage: () => exchangeWith((id) => [head(id), reset(id, 1)]),
      client: failing('NGHTTP2_PROTOCOL_ERROR'),
    },
    {
      name: 'a server goes away with an error',
      stage: () => exchangeWith((id) => [head(id), goAway(id, 2)]),
      client: failing('ERR_HTTP2_SESSION_ERROR'),
    },
  ];
  return cases.map((contractCase) => ({ ...contractCase, server: null }));
}

async function unrecorded(lab: Http2Lab): Promise<ContractCase[]> {
  const peer = await lab.serve(({ stream }) => stream.respond({ ':status': 200 }), {
    settings: { enableConnectProtocol: true },
  });
  const pushing = await lab.serve(({ stream }) => {
    stream.pushStream({ ':path': '/pushed' }, (_error, pushed) => {
      pushed.respond({ ':status': 200 });
      pushed.on('error', () => {});
      pushed.write('part');
    });
    stream.respond({ ':status': 200 });
    stream.end('body');
  });
  const both = await lab.serve(({ response }) => response?.end('body'), {
    transport: 'h2',
    api: 'compat',
    allowHTTP1: true,
  });
  return [
    {
      name: 'CONNECT, whose end is no cancel',
      stage: () =>
        peer.ended(({ client }) => cancelStream(client), {
          ':method': 'CONNECT',
          ':authority': 'example.org:80',
        }),
      client: null,
      server: null,
    },
    {
      name: 'a pushed stream that the client does not want',
      async stage() {
        const session = pushing.connect();
        const pushed = new Promise<http2.ClientHttp2Stream>((resolve) => session.once('stream', resolve));
        const { client, over } = await pushing.arrived({}, {}, session);
        client.resume();
        const stream = await pushed;
        stream.on('error', () => {});
        cancelStream(stream);
        await Promise.all([over, isOver(stream)]);
      },
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'inside of suppressTracing()',
      async stage() {
        const session = await both.session();
        const client = lab.quietly(() => session.request());
        client.resume();
        await isOver(client);
      },
      client: null,
      server: unmarked,
    },
    {
      name: 'HTTP/1 on a server for both, which node:http sees',
      async stage() {
        const request = https.get(both.url, { rejectUnauthorized: false, agent: false });
        const [response] = await once(request, 'response');
        response.resume();
        await once(response, 'end');
      },
      client: { outcome: undefined },
      server: { outcome: undefined },
    },
    {
      name: 'HTTP/2 on a server for both',
      stage: () => both.ended(({ client }) => client.resume()),
      client: unmarked,
      server: { ...unmarked, attributes: { 'network.protocol.version': '2' } },
    },
  ];
}
