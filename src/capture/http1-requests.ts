/** The requests of one HTTP/1.1 connection, one after the other: RFC 9112. */
import { countLate, type Side, startExchange, type WireExchange } from './exchange.ts';
import type { Http1Head, Packet } from './packet.ts';

/** Of a body: bytes that are still to come, or what ends it. */
type Rest = number | 'last chunk' | 'close';

export class Http1Requests {
  readonly #ends: { readonly connection: number; readonly client: string; readonly server: string };
  /** In the order of the requests; several that are not over where they are pipelined. */
  readonly exchanges: WireExchange[] = [];
  readonly #rest: Record<Side, Rest> = { client: 0, server: 0 };

  constructor(connection: number, client: string, server: string) {
    this.#ends = { connection, client, server };
  }

  take(packet: Packet, by: Side): void {
    for (const message of packet.messages) {
      if (message.method !== undefined) this.#asked(message, message.method, packet.atMs);
      // Others are followed by the answer itself.
      else if (message.status !== undefined && message.status >= 200) this.#answered(message, packet.atMs);
    }
    const exchange = by === 'client' ? this.exchanges.at(-1) : this.#inAnswer();
    if (exchange === undefined || packet.length === 0) return;
    if (exchange.cut !== undefined) {
      countLate(exchange, by, packet.length, packet.atMs);
      return;
    }
    const rest = this.#rest[by];
    if (typeof rest === 'number') this.#rest[by] = rest - packet.bodyLength;
    const isEnd =
      typeof rest === 'number' ? rest <= packet.bodyLength : rest === 'last chunk' && packet.endsChunks;
    if (isEnd) noteEnd(exchange, by, packet.atMs);
  }

  /** The server closes: that is how an answer without a length ends. */
  closed(by: Side, atMs: number): void {
    const exchange = this.#inAnswer();
    if (by === 'server' && this.#rest.server === 'close' && exchange?.answerAtMs !== undefined)
      noteEnd(exchange, by, atMs);
  }

  forget(exchange: WireExchange): void {
    const index = this.exchanges.indexOf(exchange);
    if (index !== -1) this.exchanges.splice(index, 1);
  }

  #asked({ headers, target }: Http1Head, method: string, atMs: number): void {
    const start = { protocol: 'HTTP/1.1', stream: undefined, ...this.#ends } as const;
    this.exchanges.push(startExchange({ ...start, method, target, headers, atMs }));
    this.#rest.client = lengthOf(headers) ?? (isChunked(headers) ? 'last chunk' : 0);
  }

  #answered({ headers, status }: Http1Head, atMs: number): void {
    const exchange = this.exchanges.find(({ answerAtMs }) => answerAtMs === undefined);
    if (exchange === undefined) return;
    exchange.answerAtMs = atMs;
    exchange.status = status;
    const hasNone = exchange.method === 'HEAD' || status === 204 || status === 304;
    this.#rest.server = hasNone ? 0 : (lengthOf(headers) ?? (isChunked(headers) ? 'last chunk' : 'close'));
  }

  /** The one whose answer is awaited, or on its way; or was, until it was cut short. */
  #inAnswer(): WireExchange | undefined {
    return this.exchanges.find(({ answerEndAtMs }) => answerEndAtMs === undefined);
  }
}

function noteEnd(exchange: WireExchange, by: Side, atMs: number): void {
  if (by === 'client') exchange.requestEndAtMs ??= atMs;
  else exchange.answerEndAtMs ??= atMs;
}

function lengthOf(headers: Http1Head['headers']): number | undefined {
  const value = headers.find(([name]) => name === 'content-length')?.[1];
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

function isChunked(headers: Http1Head['headers']): boolean {
  return headers.some(([name, value]) => name === 'transfer-encoding' && /\bchunked$/i.test(value));
}
