/** Node's session and stream classes, which it does not export: what they have beyond their public types, and how to find them. Each field was there in Node 20 to 26. */
import type { EventEmitter } from 'node:events';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { http2 } from '../../hook/built-ins.ts';
import type { ConnectingSocket } from '../../hook/connecting-socket.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';

export const kExchange: unique symbol = Symbol('opentelemetry.cancellation.http2.exchange');
export const kConnection: unique symbol = Symbol('opentelemetry.cancellation.http2.connection');

/** A stream of either side; `respond` and what belongs to it are there on a server only. */
export interface Stream extends Omit<ServerHttp2Stream, 'session' | 'sentHeaders'> {
  readonly session: Session | undefined;
  readonly sentHeaders: Readonly<Record<string, unknown>> | undefined;
  /** True on a server for a HEAD request, whose response has no body. */
  readonly headRequest: boolean;
  readonly _readableState: { readonly ended: boolean };
  [kExchange]?: Exchange;
}

export interface Session extends Omit<Http2Session, 'socket'> {
  /** A proxy, whose properties throw once the session has no socket any more. */
  readonly socket: Transport;
  /** The last GOAWAY's, 0 when there was none. */
  readonly goawayCode: number;
  /** On a server's session only, and not on one that was made by performServerHandshake(). */
  readonly server?: EventEmitter;
  [kConnection]?: Connection;
}

export interface Transport extends Socket, ConnectingSocket {
  readonly secureConnecting?: boolean;
  readonly _readableState: { readonly ended: boolean };
  /** What it was told to connect to. */
  readonly _host?: string;
}

export interface SessionPrototypes {
  readonly client: object;
  /** What both a client's and a server's inherit from. */
  readonly session: object;
}

/**
 * The first thing that the constructor of a session does is to put the session on its socket. A socket
 * that refuses to take it sees the session and ends the construction: no handle, no connection, no event.
 *
 * @throws {TypeError} when Node does it another way
 */
export function learnSessions(): SessionPrototypes {
  const refusal = new Error('refused');
  let session: object | undefined;
  const socket = new Proxy(
    {},
    {
      set(_target, _key, value: unknown) {
        if (typeof value === 'object' && value !== null) session = value;
        throw refusal;
      },
    },
  );
  try {
    http2.connect('http://localhost', { createConnection: () => socket as Socket });
  } catch (error) {
    if (error !== refusal) throw error;
  }
  if (session === undefined) throw new TypeError('node:http2 makes its sessions in an unknown way');
  const client = Object.getPrototypeOf(session) as object;
  return { client, session: definingPrototype(client, 'goaway') };
}

/** Both kinds of streams inherit from it. */
export function streamPrototypeOf(stream: object): object {
  return definingPrototype(stream, 'rstCode');
}

function definingPrototype(object: object, key: string): object {
  for (let current: object | null = object; current !== null; current = Object.getPrototypeOf(current)) {
    if (Object.hasOwn(current, key)) return current;
  }
  throw new TypeError(`there is no ${key} to instrument`);
}
