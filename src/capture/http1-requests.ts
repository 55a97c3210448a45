/** The requests of one HTTP/1.1 connection, one after the other: RFC 9112. */
import { countLate, type Side, startExchange, type WireExchange } from './exchange.ts';
import { type Framing, type Http1Head, Http1Reader } from './http1-reader.ts';
import { WebSocket } from './websocket.ts';

export class Http1Requests {
  readonly #ends: { readonly connection: number; readonly client: string; readonly server: string };
  readonly #begun: (exchange: WireExchange) => void;
  /** In the order of the requests; several that are not over where they are pipelined. */
  readonly exchanges: WireExchange[] = [];
  readonly #readers: Readonly<Record<Side, Http1Reader>>;
  /** What the connection has become. */
  #webSocket: WebSocket | undefined;
  /** Of the packet that is read. */
  #nowMs = 0;

  constructor(connection: number, client: string, server: string, begun: (exchange: WireExchange) => void) {
    this.#begun = begun;
    this.#ends = { connection, client, server };
    this.#readers = {
      client: new Http1Reader({
        onHead: (head) => this.#asked(head),
        onEnd: () => noteEnd(this.exchanges.at(-1), 'client', this.#nowMs),
        onUntilClose: () => {},
      }),
      server: new Http1Reader({
        onHead: (head) => this.#answered(head),
        onEnd: () => noteEnd(this.#inAnswer(), 'server', this.#nowMs),
        // What came with the answer that opened it.
        onUntilClose: (content) => this.#webSocket?.take(content, 'server', this.#nowMs),
      }),
    };
  }

  take(content: Buffer, by: Side, atMs: number): void {
    const exchange = by === 'client' ? this.exchanges.at(-1) : this.#inAnswer();
    if (exchange?.cut !== undefined) {
      countLate(exchange, by, content.length, atMs);
      return;
    }
    if (this.#webSocket !== undefined) {
      this.#webSocket.take(content, by, atMs);
      return;
    }
    this.#nowMs = atMs;
    this.#readers[by].take(content);
  }

  /** Packets of this side are missing. */
  lose(by: Side): void {
    this.#readers[by].lose();
    this.#webSocket?.lose(by);
  }

  /** The server closes: that is how an answer without a length ends. */
  closed(by: Side, atMs: number): void {
    // That of a WebSocket ends by a close frame.
    if (this.#webSocket !== undefined) return;
    const exchange = this.#inAnswer();
    if (by === 'server' && this.#readers.server.isUntilClose) noteEnd(exchange, by, atMs);
  }

  forget(exchange: WireExchange): void {
    const index = this.exchanges.indexOf(exchange);
    if (index !== -1) this.exchanges.splice(index, 1);
  }

  #asked({ method, target, headers }: Http1Head): Framing {
    // An answer, on the client's side: it is no HTTP.
    if (method === undefined) return 'close';
    const start = { protocol: 'HTTP/1.1', stream: undefined, ...this.#ends } as const;
    const exchange = startExchange({ ...start, method, target, headers, atMs: this.#nowMs });
    this.exchanges.push(exchange);
    this.#begun(exchange);
    return isChunked(headers) ? 'chunked' : (lengthOf(headers) ?? 0);
  }

  #answered({ headers, status = 0 }: Http1Head): Framing | undefined {
    if (status < 200 && status !== SWITCHING) return undefined;
    // Undefined: what it answers was asked before the capture began.
    const exchange = this.#inAnswer();
    if (exchange !== undefined) {
      exchange.answerAtMs = this.#nowMs;
      exchange.status = status;
    }
    if (status === SWITCHING) {
      if (exchange !== undefined && isWebSocket(headers)) this.#webSocket = new WebSocket(exchange);
      return 'close';
    }
    if (exchange?.method === 'HEAD' || status === 204 || status === 304) return 0;
    return isChunked(headers) ? 'chunked' : (lengthOf(headers) ?? 'close');
  }

  /** The one whose answer is awaited, or on its way; or was, until it was cut short. Of one with missing packets no answer comes once the next was asked. */
  #inAnswer(): WireExchange | undefined {
    const last = this.exchanges.at(-1);
    return this.exchanges.find(
      (exchange) => exchange.answerEndAtMs === undefined && (exchange === last || !exchange.hasGap),
    );
  }
}

const SWITCHING = 101;

function noteEnd(exchange: WireExchange | undefined, by: Side, atMs: number): void {
  if (exchange === undefined) return;
  if (by === 'client') exchange.requestEndAtMs ??= atMs;
  else exchange.answerEndAtMs ??= atMs;
}

function lengthOf(headers: Http1Head['headers']): number | undefined {
  const value = headers.find(([name]) => name === 'content-length')?.[1];
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

function isWebSocket(headers: Http1Head['headers']): boolean {
  return headers.some(([name, value]) => name === 'upgrade' && value.toLowerCase() === 'websocket');
}

function isChunked(headers: Http1Head['headers']): boolean {
  return headers.some(([name, value]) => name === 'transfer-encoding' && /\bchunked$/i.test(value));
}
