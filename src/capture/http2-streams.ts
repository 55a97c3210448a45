/** The streams of one HTTP/2 connection: RFC 9113. */
import {
  countLate,
  cutShort,
  isOver,
  otherSide,
  type Side,
  startExchange,
  type WireExchange,
} from './exchange.ts';
import { FlowControl } from './flow-control.ts';
import type { Header } from './header.ts';
import { type Http2Frame, type SentHeader, UNKNOWN } from './packet.ts';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

const MAX_PINGS = 100;

export class Http2Streams {
  readonly #ends: { readonly connection: number; readonly client: string; readonly server: string };
  readonly #begun: (exchange: WireExchange) => void;
  /** By the number of the stream. */
  readonly exchanges: Map<number, WireExchange> = new Map();
  readonly #flow = new FlowControl();
  /** A block whose CONTINUATION is still to come, and when it began. */
  readonly #begunHeaders: Record<Side, { readonly frame: Http2Frame; readonly atMs: number } | undefined> = {
    client: undefined,
    server: undefined,
  };

  /** Blocks of this side are missing, so that what a number stands for is not known any more. */
  readonly #hasLostHeaders: Record<Side, boolean> = { client: false, server: false };
  /** When those were sent that have no answer yet, by who sent them. */
  readonly #pings: Record<Side, number[]> = { client: [], server: [] };
  /** The highest stream that was begun. */
  #highest = 0;

  constructor(connection: number, client: string, server: string, begun: (exchange: WireExchange) => void) {
    this.#begun = begun;
    this.#ends = { connection, client, server };
  }

  take(frame: Http2Frame, by: Side, atMs: number): void {
    if (frame.type === HEADERS || frame.type === CONTINUATION) this.#takeHeaders(frame, by, atMs);
    else this.#takeOther(frame, by, atMs);
  }

  /** Nothing else may come between the parts of a block of headers. */
  #takeHeaders(frame: Http2Frame, by: Side, atMs: number): void {
    const begun = this.#begunHeaders[by] ?? { frame, atMs };
    const block =
      begun.frame === frame
        ? begun
        : { ...begun, frame: { ...begun.frame, headers: [...begun.frame.headers, ...frame.headers] } };
    this.#begunHeaders[by] = frame.isEndOfHeaders ? undefined : block;
    if (frame.isEndOfHeaders) this.#takeBlock(block.frame, by, block.atMs);
  }

  #takeBlock(frame: Http2Frame, by: Side, atMs: number): void {
    const known = this.exchanges.get(frame.stream);
    const exchange = known ?? this.#begin(frame, by, atMs);
    if (exchange === undefined) return;
    if (known !== undefined && by === 'server') noteAnswer(known, this.#readable(frame.headers, by), atMs);
    if (frame.isEndOfStream) noteEnd(exchange, by, atMs);
  }

  #takeOther(frame: Http2Frame, by: Side, atMs: number): void {
    const { type, stream, length } = frame;
    if (type === SETTINGS && frame.initialWindow !== undefined)
      this.#flow.begin(otherSide(by), frame.initialWindow);
    if (type === WINDOW_UPDATE) this.#flow.grant(otherSide(by), stream, frame.increment ?? 0, atMs);
    if (type === PING) this.#takePing(frame, by, atMs);
    if (type === GOAWAY)
      for (const open of this.exchanges.values()) open.goaway ??= { by, atMs, errorCode: frame.errorCode };
    const exchange = this.exchanges.get(stream);
    if (exchange === undefined) return;
    if (type === DATA) {
      const waitedMs = this.#flow.sent(by, stream, length, atMs);
      if (exchange.cut === undefined) exchange.stalledMs[by] += waitedMs;
      else countLate(exchange, by, length, atMs);
    }
    if (frame.isEndOfStream && type === DATA) noteEnd(exchange, by, atMs);
    if (type === RST_STREAM) cutShort(exchange, { by, atMs, how: 'RST_STREAM', errorCode: frame.errorCode });
  }

  /** They are answered in the order in which they came. */
  #takePing({ isAnswer }: Http2Frame, by: Side, atMs: number): void {
    if (isAnswer) this.#pings[otherSide(by)].shift();
    else if (this.#pings[by].length < MAX_PINGS) this.#pings[by].push(atMs);
  }

  /** @returns when this side sent the first PING that has no answer */
  unansweredPingAtMs(by: Side): number | undefined {
    return this.#pings[by][0];
  }

  /** Packets of this side are missing. */
  lose(by: Side): void {
    this.#pings[otherSide(by)].length = 0;
    this.#hasLostHeaders[by] = true;
    this.#begunHeaders[by] = undefined;
  }

  forget(stream: number): void {
    this.exchanges.delete(stream);
    this.#flow.forget(stream);
  }

  #noteTwins(begun: WireExchange): void {
    for (const other of this.exchanges.values()) {
      if (isOver(other) || other.target !== begun.target || other.method !== begun.method) continue;
      other.hasTwin = true;
      begun.hasTwin = true;
    }
  }

  #begin({ stream, headers }: Http2Frame, by: Side, atMs: number): WireExchange | undefined {
    const read = this.#readable(headers, by);
    const hasUnreadHeaders = read.length < headers.length;
    const named = (wanted: string) => read.find(([name]) => name === wanted)?.[1];
    const method = named(':method');
    // An answer or trailers, whose request was before the capture began.
    const isRequest = method !== undefined || (hasUnreadHeaders && stream > this.#highest);
    if (!isRequest || by !== 'client') return undefined;
    this.#highest = Math.max(this.#highest, stream);
    const exchange = startExchange({
      protocol: 'HTTP/2',
      ...this.#ends,
      stream,
      method: method ?? '?',
      target: named(':path') ?? named(':authority') ?? '?',
      headers: read,
      hasUnreadHeaders,
      atMs,
    });
    this.#noteTwins(exchange);
    this.exchanges.set(stream, exchange);
    this.#begun(exchange);
    return exchange;
  }

  #readable(headers: readonly SentHeader[], by: Side): Header[] {
    const isLost = this.#hasLostHeaders[by];
    return headers.flatMap(({ header, isByNumber }) =>
      header[0] === UNKNOWN || (isLost && isByNumber) ? [] : [header],
    );
  }
}

function noteAnswer(exchange: WireExchange, headers: readonly Header[], atMs: number): void {
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
