/** Peers that behave as no gRPC library would: raw HTTP/2 on both sides, a cut wire, a silent socket. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

export interface Listening {
  readonly address: string;
  close(): void;
}

/** Accepts connections and never says a word: a gRPC channel stays connecting. */
export async function silentServer(): Promise<Listening> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** An address on which nobody listens. */
export async function deadAddress(): Promise<string> {
  const { address, close } = await listening(net.createServer(), () => {});
  close();
  return address;
}

/** Takes every call and resets its stream with this code. */
export async function resettingServer(code: number): Promise<Listening> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.once('data', () => stream.close(code));
  });
  // What a server does runs in the context in which it began to listen.
  return quietly(() =>
    listening(server, () => {
      for (const session of sessions) session.destroy();
    }),
  );
}

/** A wire to `port` that can be cut. */
export async function wireTo(port: number): Promise<Listening & { cut(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((inner) => {
    const outer = net.connect(port, '127.0.0.1');
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    inner.pipe(outer).pipe(inner);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return { ...(await listening(server, cut)), cut };
}

export interface RawCall {
  readonly stream: http2.ClientHttp2Stream;
  readonly session: http2.ClientHttp2Session;
  readonly socket: net.Socket;
}

/** A call of a client that knows HTTP/2 and nothing more: sends one message and half-closes. */
export async function rawCall(
  port: number,
  path: string,
  headers: Record<string, string | string[]> = {},
): Promise<RawCall> {
  const socket = net.connect(port, '127.0.0.1');
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => {});
  await once(session, 'connect');
  const stream = quietly(() =>
    session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    }),
  );
  stream.on('error', () => {});
  stream.resume();
  const message = Buffer.from('{"text":"raw"}');
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  return { stream, session, socket };
}

/** Nothing that happens in `fn` is recorded: node:http2 is instrumented, too. */
function quietly<T>(fn: () => T): T {
  return context.with(suppressTracing(context.active()), fn);
}

async function listening(server: net.Server | http2.Http2Server, onClose: () => void): Promise<Listening> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    close() {
      onClose();
      server.close();
    },
  };
}
