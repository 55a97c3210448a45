/** How a WebSocket ends: its first close frame is the end of the exchange that opened it, and what is sent after that is late. */
import { countLate, type Side, type WireExchange } from './exchange.ts';
import { WebSocketReader } from './websocket-reader.ts';

export class WebSocket {
  readonly #exchange: WireExchange;
  readonly #readers: Readonly<Record<Side, WebSocketReader>>;
  /** Of the packet that is read. */
  #nowMs = 0;

  constructor(exchange: WireExchange) {
    exchange.webSocket = { closes: {} };
    this.#exchange = exchange;
    this.#readers = { client: this.#reader('client'), server: this.#reader('server') };
  }

  take(content: Buffer, by: Side, atMs: number): void {
    this.#nowMs = atMs;
    this.#readers[by].take(content);
  }

  lose(by: Side): void {
    this.#readers[by].lose();
  }

  #reader(by: Side): WebSocketReader {
    const exchange = this.#exchange;
    const closes = exchange.webSocket?.closes ?? {};
    return new WebSocketReader({
      onData: (bytes) => {
        if (exchange.answerEndAtMs === undefined) return;
        countLate(exchange, by, bytes, this.#nowMs);
        const own = closes[by];
        if (own !== undefined) own.isFollowedByData = true;
      },
      onClose: (code, reason) => {
        closes[by] ??= { atMs: this.#nowMs, code, reason, isFollowedByData: false };
        exchange.answerEndAtMs ??= this.#nowMs;
      },
    });
  }
}
