/** What is kept for a request of undici while it is in flight. */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Operation } from '../../operation/operation.ts';
import type { Call } from './call.ts';
import type { UndiciRequest } from './internals.ts';
import type { Dispatching } from './watch.ts';

export class Exchange {
  readonly request: UndiciRequest;
  readonly operation: Operation;
  /** What the application called, when that was seen. */
  readonly call: Call | undefined;
  /** The dispatcher that has the connection, when it was seen. */
  readonly client: object | undefined;
  /** That which the application called: an agent, or a client itself. */
  readonly dispatcher: object | undefined;
  /** What it was given. */
  readonly handler: object | undefined;
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
    dispatching: Dispatching | undefined,
  ) {
    this.request = request;
    this.operation = operation;
    this.call = call;
    this.client = dispatching?.dispatcher;
    this.dispatcher = dispatching?.outermost;
    this.handler = dispatching?.outermostHandler;
  }
}
