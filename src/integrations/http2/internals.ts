/** What Node's HTTP/2 classes have beyond their public types. Each field was there in Node 20 to 26. */
import type { EventEmitter } from 'node:events';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
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
