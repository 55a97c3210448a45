/** HTTP/2 servers and sessions on 127.0.0.1 for staging what can happen to a stream. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { selfSignedCertificate } from '../http/certificate.ts';

export type Transport = 'h2c' | 'h2';
export type Api = 'core' | 'compat';

/** The servers that cases of both APIs and both transports run against. */
export const SERVERS: readonly (readonly [Transport, Api])[] = [
  ['h2c', 'core'],
  ['h2c', 'compat'],
  ['h2', 'core'],
  ['h2', 'compat'],
];

/** What a handler gets; with the core API there is no request and no response. */
export interface Served {
  readonly stream: http2.ServerHttp2Stream;
  readonly headers: http2.IncomingHttpHeaders;
  readonly request?: http2.Http2ServerRequest;
  readonly response?: http2.Http2ServerResponse;
}

export type Handler = (served: Served) => unknown;

/** A request in flight: its client's side, and the server's once its handler has been called. */
export interface InFlight extends Served {
  readonly client: http2.ClientHttp2Stream;
  readonly session: http2.ClientHttp2Session;
  /** When both sides have seen the end. */
  readonly over: Promise<unknown>;
}

export class Http2Lab {
  readonly #undos: (() => unknown)[] = [];
  #certificate: ReturnType<typeof selfSignedCertificate> | undefined;

  async serve(
    handler: Handler,
    { transport = 'h2c', api = 'core', ...options }: ServeOptions = {},
  ): Promise<Peer> {
    const server = transport === 'h2c' ? http2.createServer(options) : this.#createSecureServer(options);
    const peer = new Peer(server, transport, (undo) => this.#undos.push(undo));
    if (api === 'core') {
      server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
        stream.on('error', () => {});
        return peer.served({ stream, headers }, handler);
      });
    } else {
      server.on('request', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
        return peer.served({ stream: response.stream, headers: request.headers, request, response }, handler);
      });
    }
    server.on('sessionError', () => {});
    server.on('session', (session) => peer.sessions.add(session));
    await listening(server);
    return peer;
  }

  /** A server that speaks no HTTP: its side makes no span. */
  async serveRaw(onConnection: (socket: net.Socket) => void): Promise<number> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      onConnection(socket);
    });
    this.onClose(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return listening(server);
  }

  /** A way to a server that can be cut. */
  async wireTo(port: number): Promise<Wire> {
    const sockets: net.Socket[] = [];
    const wirePort = await this.serveRaw((near) => {
      const far = net.connect(port, '127.0.0.1');
      far.on('error', () => {});
      near.pipe(far).pipe(near);
      sockets.push(near, far);
    });
    return {
      port: wirePort,
      cut() {
        for (const socket of sockets) socket.resetAndDestroy();
      },
    };
  }

  /** Calls `fn` where nothing is recorded. */
  quietly<T>(fn: () => T): T {
    return context.with(suppressTracing(context.active()), fn);
  }

  onClose(undo: () => unknown): void {
    this.#undos.push(undo);
  }

  async close(): Promise<void> {
    for (const undo of this.#undos.reverse()) await undo();
  }

  #createSecureServer(options: http2.SecureServerOptions): http2.Http2SecureServer {
    this.#certificate ??= selfSignedCertificate();
    return http2.createSecureServer({ ...options, ...this.#certificate });
  }
}

interface ServeOptions extends http2.SecureServerOptions {
  readonly transport?: Transport;
  readonly api?: Api;
}

interface Wire {
  readonly port: number;
  cut(): void;
}

export class Peer {
  readonly server: http2.Http2Server | http2.Http2SecureServer;
  readonly sessions = new Set<http2.ServerHttp2Session>();
  readonly #transport: Transport;
  readonly #waiting: ((served: Served) => void)[] = [];
  readonly #onClose: (undo: () => unknown) => void;
  #session: http2.ClientHttp2Session | undefined;

  constructor(
    server: http2.Http2Server | http2.Http2SecureServer,
    transport: Transport,
    onClose: (undo: () => unknown) => void,
  ) {
    this.server = server;
    this.#transport = transport;
    this.#onClose = onClose;
    onClose(() => {
      for (const session of this.sessions) session.destroy();
      server.close();
    });
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  get url(): string {
    return `${this.#transport === 'h2c' ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** A session of its own; `at` leads to the server by another port. */
  connect(at = this.port, options: http2.SecureClientSessionOptions = {}): http2.ClientHttp2Session {
    const url = this.url.replace(/\d+$/, String(at));
    const session = http2.connect(url, { rejectUnauthorized: false, ...options });
    session.on('error', () => {});
    this.#onClose(() => session.destroy());
    return session;
  }

  /** The session that cases share: a cancel must not harm it. */
  async session(): Promise<http2.ClientHttp2Session> {
    if (this.#session === undefined || this.#session.destroyed || this.#session.closed) {
      this.#session = this.connect();
      await once(this.#session, 'remoteSettings');
    }
    return this.#session;
  }

  served(served: Served, handler: Handler): unknown {
    const result = handler(served);
    this.#waiting.shift()?.(served);
    return result;
  }

  /** Starts a request and waits until its handler has been called. */
  async arrived(
    headers: http2.OutgoingHttpHeaders = {},
    options: http2.ClientSessionRequestOptions = {},
    session?: http2.ClientHttp2Session,
  ): Promise<InFlight> {
    const on = session ?? (await this.session());
    const entered = new Promise<Served>((resolve) => this.#waiting.push(resolve));
    const client = on.request(headers, options);
    client.on('error', () => {});
    const clientOver = once(client, 'close').catch(() => {});
    const served = await entered;
    const over = Promise.all([clientOver, isOver(served.stream)]);
    return { ...served, client, session: on, over };
  }

  /** Starts a request that `act` ends while its handler is at work, and waits until both sides have seen the end. */
  async ended(act: (inFlight: InFlight) => unknown, ...request: Parameters<Peer['arrived']>): Promise<void> {
    const inFlight = await this.arrived(...request);
    act(inFlight);
    await inFlight.over;
  }
}

export function isOver(stream: http2.Http2Stream): Promise<unknown> {
  return stream.destroyed ? Promise.resolve() : once(stream, 'close').catch(() => {});
}

async function listening(server: net.Server | http2.Http2Server | http2.Http2SecureServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}
