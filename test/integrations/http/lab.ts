/** Servers, clients and black holes on 127.0.0.1 for staging what can happen to an HTTP request. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type * as Http from 'node:http';
import type * as Https from 'node:https';
import { createRequire } from 'node:module';
import net from 'node:net';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { selfSignedCertificate } from './certificate.ts';

export type Handler = (request: Http.IncomingMessage, response: Http.ServerResponse) => unknown;

export interface Served<S extends net.Server = Http.Server> {
  readonly server: S;
  readonly port: number;
  /** What a client needs to find it; without keep-alive. */
  readonly at: { readonly host: '127.0.0.1'; readonly port: number; readonly agent: false };
}

export class HttpLab {
  /** Got by require(), where an official instrumentation patches them. */
  readonly http: typeof Http;
  readonly https: typeof Https;
  readonly require: NodeJS.Require = createRequire(import.meta.url);
  readonly #undos: (() => unknown)[] = [];
  #certificate: ReturnType<typeof selfSignedCertificate> | undefined;

  constructor() {
    this.http = this.require('node:http') as typeof Http;
    this.https = this.require('node:https') as typeof Https;
  }

  async serve(handler: Handler, options: Http.ServerOptions = {}): Promise<Served> {
    return this.#listen(this.http.createServer(options, handler));
  }

  async serveTls(handler: Handler): Promise<Served<Https.Server>> {
    this.#certificate ??= selfSignedCertificate();
    return this.#listen(this.https.createServer(this.#certificate, handler));
  }

  /** A server that speaks no HTTP but what `onConnection` writes: its side makes no span. */
  async serveRaw(onConnection: (socket: net.Socket) => void): Promise<Served<net.Server>> {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      onConnection(socket);
    });
    this.#undos.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    return this.#listen(server);
  }

  /** A client that speaks no HTTP but `text`: its side makes no span. */
  async connectRaw(port: number, text: string): Promise<net.Socket> {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  }

  /** A port on which connecting neither works nor fails: nobody accepts, and the queue is full. */
  async blackHole(): Promise<number> {
    const script = `const server = require('node:net').createServer();
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
        require('node:fs').writeSync(1, String(server.address().port));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#undos.push(() => child.kill('SIGKILL'));
    const [port] = await once(child.stdout, 'data');
    for (let count = 0; count < 8; count++) {
      const filler = net.connect(Number(port), '127.0.0.1');
      filler.on('error', () => {});
      this.#undos.push(() => filler.destroy());
    }
    // The fillers are in the queue as soon as the kernel has seen them, which is before this one is refused a place.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return Number(port);
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

  async #listen<S extends net.Server>(server: S): Promise<Served<S>> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#undos.push(() => {
      server.close();
      if ('closeAllConnections' in server) (server as unknown as Http.Server).closeAllConnections();
    });
    const { port } = server.address() as net.AddressInfo;
    return { server, port, at: { host: '127.0.0.1', port, agent: false } };
  }
}

/** Waits for 'close', whatever becomes of the request; returns its error, if it had one. */
export async function closed(request: Http.ClientRequest): Promise<Error | undefined> {
  let failure: Error | undefined;
  request.on('error', (error) => {
    failure = error;
  });
  await new Promise<void>((resolve) => request.on('close', resolve));
  return failure;
}

export async function responseTo(request: Http.ClientRequest): Promise<Http.IncomingMessage> {
  request.on('error', () => {});
  const [response] = await once(request, 'response');
  (response as Http.IncomingMessage).on('error', () => {});
  return response as Http.IncomingMessage;
}

/** Reads a response to its end. */
export async function read(request: Http.ClientRequest): Promise<Http.IncomingMessage> {
  const response = await responseTo(request);
  response.resume();
  await once(response, 'end');
  return response;
}

/** Something that happens later, in an event: `const seen = signal(); … seen.resolve(); … await seen.promise`. */
export function event<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
