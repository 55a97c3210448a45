/** A service of each kind, with requests that are in flight until a test says how they end. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type Answer, GrpcService, loadGrpc, type ServerCall, startCall } from '../grpc/service.ts';
import { event, HttpLab, responseTo } from '../http/lab.ts';

/** Its handler has been called. */
export interface InFlight {
  answer(): void;
  /** The client goes. */
  leave(): void;
  /** The handler goes, without an answer, in its own context. */
  giveUp(): void;
}

export interface Service {
  request(): Promise<InFlight>;
  /** Takes no more, and waits for what is in flight. */
  close(): void;
  /** Waits no longer. */
  cut(): void;
  stop(): void;
}

const lab = new HttpLab();

async function serveHttp(secure: boolean): Promise<Service> {
  const waiting: ((handled: Omit<InFlight, 'leave'>) => void)[] = [];
  const handler: Parameters<HttpLab['serve']>[0] = (_request, response) => {
    const giveUp = event();
    giveUp.promise.then(() => response.destroy());
    response.write('first part');
    waiting.shift()?.({ answer: () => response.end(), giveUp: giveUp.resolve });
  };
  const { server, at } = secure ? await lab.serveTls(handler) : await lab.serve(handler);
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return {
    stop,
    close: () => server.close(),
    cut: () => server.closeAllConnections(),
    async request() {
      const handled = new Promise<Omit<InFlight, 'leave'>>((resolve) => waiting.push(resolve));
      const client = secure ? lab.https : lab.http;
      const request = client.get({ ...at, rejectUnauthorized: false });
      (await responseTo(request)).resume();
      return { ...(await handled), leave: () => request.destroy() };
    },
  };
}

async function serveHttp2(): Promise<Service> {
  const waiting: ((handled: Omit<InFlight, 'leave'>) => void)[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    const giveUp = event();
    giveUp.promise.then(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.write('first part');
    waiting.shift()?.({ answer: () => stream.end(), giveUp: giveUp.resolve });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
  const cut = (): void => {
    for (const opened of sessions) opened.destroy();
  };
  return {
    cut,
    close: () => {
      server.close();
      for (const opened of sessions) opened.close();
    },
    stop: () => {
      session.destroy();
      server.close();
      cut();
    },
    async request() {
      const handled = new Promise<Omit<InFlight, 'leave'>>((resolve) => waiting.push(resolve));
      const stream = session.request().on('error', () => {});
      stream.resume();
      return { ...(await handled), leave: () => stream.close(http2.constants.NGHTTP2_CANCEL) };
    },
  };
}

async function serveGrpc(): Promise<Service> {
  const service = await new GrpcService(loadGrpc()).listen();
  const client = await service.client();
  const handled = new Map<ServerCall, Answer>();
  return {
    stop: () => service.close(),
    close: () => service.server.tryShutdown(() => {}),
    cut: () => service.server.forceShutdown(),
    async request() {
      const giveUp = event();
      const held = service.hold((call, answer) => {
        handled.set(call, answer);
        giveUp.promise.then(() => call.destroy());
      });
      const { call, ended } = startCall(client, 'unary');
      ended.catch(() => {});
      const served = await held;
      return {
        answer: () => handled.get(served)?.(null, { text: 'pong' }),
        leave: () => call.cancel(),
        giveUp: giveUp.resolve,
      };
    },
  };
}

export const SERVICES: Readonly<Record<string, () => Promise<Service>>> = {
  'node:http': () => serveHttp(false),
  'node:https': () => serveHttp(true),
  'node:http2': serveHttp2,
  gRPC: serveGrpc,
};
