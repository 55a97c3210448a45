/** The streams of one HTTP/2 connection: RFC 9113. */
import { countLate, cutShort, otherSide, type Side, startExchange, type WireExchange } from './exchange.ts';
import { FlowControl } from './flow-control.ts';
import type { Http2Frame } from './packet.ts';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

export class Http2Streams {
  readonly #ends: { readonly connection: number; readonly client: string; readonly server: string };
  /** By the number of the stream. */
  readonly exchanges: Map<number, WireExchange> = new Map();
  readonly #flow = new FlowControl();

  constructor(connection: number, client: string, server: string) {
    this.#ends = { connection, client, server };
  }

  take(frame: Http2Frame, by: Side, atMs: number): void {
    const { type, stream, length } = frame;
    if (type === SETTINGS && frame.initialWindow !== undefined)
      this.#flow.begin(otherSide(by), frame.initialWindow);
    if (type === WINDOW_UPDATE) this.#flow.grant(otherSide(by), stream, frame.increment ?? 0, atMs);
    if (type === GOAWAY)
      for (const open of this.exchanges.values()) open.goaway ??= { by, atMs, errorCode: frame.errorCode };
    let exchange = this.exchanges.get(stream);
    if ((type === HEADERS || type === CONTINUATION) && exchange === undefined) {
      exchange = this.#begin(frame, by, atMs);
    } else if (type === HEADERS || type === CONTINUATION) noteHeaders(exchange, frame, by, atMs);
    if (exchange === undefined) return;
    if (type === DATA) {
      const waitedMs = this.#flow.sent(by, stream, length, atMs);
      if (exchange.cut === undefined) exchange.stalledMs[by] += waitedMs;
      else countLate(exchange, by, length, atMs);
    }
    if (frame.isEndOfStream && (type === DATA || type === HEADERS)) noteEnd(exchange, by, atMs);
    if (type === RST_STREAM) cutShort(exchange, { by, atMs, how: 'RST_STREAM', errorCode: frame.errorCode });
  }

  forget(stream: number): void {
    this.exchanges.delete(stream);
    this.#flow.forget(stream);
  }

  #begin({ stream, headers }: Http2Frame, by: Side, atMs: number): WireExchange | undefined {
    const named = (wanted: string) => headers.find(([name]) => name === wanted)?.[1];
    const method = named(':method');
    // Without it the capture has begun in the middle of the stream.
    if (method === undefined || by !== 'client') return undefined;
    const target = named(':path') ?? named(':authority') ?? '';
    const exchange = startExchange({
      protocol: 'HTTP/2',
      ...this.#ends,
      stream,
      method,
      target,
      headers,
      atMs,
    });
    this.exchanges.set(stream, exchange);
    return exchange;
  }
}

function noteHeaders(
  exchange: WireExchange | undefined,
  { headers }: Http2Frame,
  by: Side,
  atMs: number,
): void {
  if (exchange === undefined || by !== 'server') return;
  exchange.answerAtMs ??= atMs;
  for (const [name, value] of headers) {
    if (name === ':status') exchange.status = Number(value);
    if (name === 'grpc-status') exchange.grpcStatus = Number(value);
  }
}

function noteEnd(exchange: WireExchange, by: Side, atMs: number): void {
  if (exchange.cut !== undefined) return;
  if (by === 'client') exchange.requestEndAtMs ??= atMs;
  else exchange.answerEndAtMs ??= atMs;
}
