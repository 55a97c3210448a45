/** What is kept for a request of undici while it is in flight. */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Operation } from '../../operation/operation.ts';
import type { Call } from './call.ts';

export const kExchange: unique symbol = Symbol('opentelemetry.cancellation.undici');

/** undici's Request, as its channels show it; the same in 6, 7, 8 and in Node 20 to 26. */
export interface UndiciRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
  readonly body: unknown;
  readonly headers: unknown;
  /** In ms; null or undefined where the client's own holds. */
  readonly headersTimeout?: number | null;
  readonly bodyTimeout?: number | null;
  /** Set when the request is put on a connection. */
  readonly abort: unknown;
  /** Was missing in 6.11.0. */
  addHeader?(name: string, value: string): unknown;
  /** Ends a request that is on no connection yet; up to 7. */
  onError?(error: unknown): unknown;
  /** The same in 8. */
  onResponseError?(error: unknown): unknown;
  [kExchange]?: Exchange;
}

export class Exchange {
  readonly request: UndiciRequest;
  readonly operation: Operation;
  /** What the application called, when that was seen. */
  readonly call: Call | undefined;
  /** The dispatcher that has the connection, when it was seen. */
  readonly client: object | undefined;
  /** Of HTTP/1.1, from when the head is sent on. */
  socket: Socket | undefined = undefined;
  /** Of HTTP/2. */
  stream: ClientHttp2Stream | undefined = undefined;
  /** A stream loses its own when it is destroyed. */
  session: ClientHttp2Session | undefined = undefined;
  isHeadSent = false;
  /** On the clock of performance.now(), in ms; 0 until all of it is sent. */
  bodySentAtMs = 0;
  /** 0 until there is a final response head. */
  statusCode = 0;

  constructor(
    request: UndiciRequest,
    operation: Operation,
    call: Call | undefined,
    client: object | undefined,
  ) {
    this.request = request;
    this.operation = operation;
    this.call = call;
    this.client = client;
  }
}
