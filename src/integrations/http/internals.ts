/** What Node's HTTP classes have beyond their public types. Each field was there in Node 20 to 26. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectingSocket } from '../../hook/connecting-socket.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { IdleLimit } from './deadline.ts';
import type { ServerExchange } from './server-exchange.ts';

/** null: seen, and not to be recorded. */
export const kClientExchange: unique symbol = Symbol('opentelemetry.cancellation.http.client');
export const kServerExchange: unique symbol = Symbol('opentelemetry.cancellation.http.server');
/** Requests of one connection that wait until those before them are answered (HTTP/1.1 pipelining). */
export const kPipelined: unique symbol = Symbol('opentelemetry.cancellation.http.pipelined');
/** What a listener of 'clientError' was told of a connection. */
export const kClientError: unique symbol = Symbol('opentelemetry.cancellation.http.client-error');
/** The idle limit that a server gives its connections, or an agent. */
export const kLimit: unique symbol = Symbol('opentelemetry.cancellation.http.limit');
/** A destroy() that came before the request was seen: by a signal that was aborted already. */
export const kEarlyDestroy: unique symbol = Symbol('opentelemetry.cancellation.http.early');

export interface OutgoingRequest extends Omit<ClientRequest, 'socket' | 'agent'> {
  readonly agent?: Limited | null;
  readonly socket: Transport | null;
  readonly res: IncomingMessage | null;
  readonly timeout?: number;
  /** The head as it goes on the wire, once it is made. */
  _header: string | null;
  readonly _headerSent: boolean;
  /** What was sent before there was a socket. */
  readonly outputData: { data: unknown }[];
  outputSize: number;
  /** True once the response was read to its end. */
  readonly _ended: boolean;
  [kClientExchange]?: ClientExchange | null;
  [kEarlyDestroy]?: EarlyDestroy;
}

export interface EarlyDestroy {
  readonly error: unknown;
  readonly stack: { readonly stack: string };
}

/** What every emitter of Node's has: a listener, or several, for each event. */
export interface Listened {
  readonly _events?: Readonly<Record<string, unknown>>;
}

export interface Message extends Omit<IncomingMessage, 'socket'>, Listened {
  readonly socket: Transport | null;
  /** Set by connect-timeout. */
  readonly timedout?: boolean;
  /** On a response: the request it answers. */
  readonly req?: OutgoingRequest;
  [kServerExchange]?: ServerExchange | null | undefined;
}

export interface Response extends Omit<ServerResponse, 'req'>, Listened {
  readonly req: Message;
  /** True once the head was handed to the socket; `headersSent` says only that it was made. */
  readonly _headerSent: boolean;
  [kServerExchange]?: ServerExchange | null | undefined;
}

/** A server, or an agent. */
export interface Limited {
  [kLimit]?: IdleLimit | undefined;
}

/** A net.Socket, a tls.TLSSocket, or whatever Duplex somebody's createConnection() made. */
export interface Transport extends Socket, ConnectingSocket {
  readonly encrypted?: boolean;
  readonly secureConnecting?: boolean;
  /** The request or response that the connection is serving. */
  readonly _httpMessage?: OutgoingRequest | Response | null;
  readonly _readableState?: { readonly ended: boolean };
  /** Of an incoming connection. */
  readonly server?: Limited & { readonly listening?: boolean };
  [kClientError]?: unknown;
  [kPipelined]?: ServerExchange[];
}
