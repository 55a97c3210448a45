/** One request and its answer, as they were on the wire. */
import {
  DEADLINE_HEADERS,
  type Headers,
  type ReadLimit,
  readDeadlineHeaders,
} from '../cancellation/deadline-headers.ts';
import type { Header } from './header.ts';
import type { HopBefore } from './hops.ts';

export type Side = 'client' | 'server';

export interface WireExchange {
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** Of the connection, in the capture. */
  readonly connection: number;
  /** Of HTTP/2. */
  readonly stream: number | undefined;
  /** Address and port. */
  readonly client: string;
  readonly server: string;
  readonly method: string;
  readonly target: string;
  /** Of the `traceparent` that was sent. */
  readonly traceId: string | undefined;
  /** Of the span whose request it is. */
  readonly spanId: string | undefined;
  /** Headers that carry a time limit, as they were sent. */
  readonly limitHeaders: readonly Header[];
  /** What they say; undefined when there are none. */
  readonly limit: ReadLimit | undefined;
  /** Some of its headers could not be read, since packets before them are not in the capture: what seems not to have been sent may have been. */
  readonly hasUnreadHeaders: boolean;
  /** Another one on its connection was for the same while it went on. */
  hasTwin: boolean;
  /** When the one before it and the one after it began that asked the same server for the same: Unix time in ms. */
  rivalBeforeAtMs: number | undefined;
  rivalAfterAtMs: number | undefined;
  /** Until then all that began is known: Unix time in ms. */
  knownUntilMs: number;
  /** Packets of its connection are missing since its request, or not whole: its end may have been in them. */
  hasGap: boolean;
  /** The same request on its way to the proxy that has passed it on. */
  hopBefore: HopBefore | undefined;
  /** It went to a proxy: who answered is behind that. */
  isPassedOn: boolean;
  /** Unix time in ms, with fractions: of the first packet of each. */
  readonly requestAtMs: number;
  requestEndAtMs: number | undefined;
  answerAtMs: number | undefined;
  answerEndAtMs: number | undefined;
  /** Of HTTP. */
  status: number | undefined;
  /** Of gRPC, from its headers or trailers. */
  grpcStatus: number | undefined;
  /** Undefined: it opened none. */
  webSocket: { readonly closes: Partial<Record<Side, WebSocketClose>> } | undefined;
  /** Undefined: nobody cut it short. */
  cut: Cut | undefined;
  /** Content that each side still sent after the cut. */
  readonly late: Record<Side, LateData>;
  /** How long each side's window was empty, and it had more to send: ms. */
  readonly stalledMs: Record<Side, number>;
  /** The first GOAWAY since the request: who takes no more streams, and which error it names. */
  goaway: Goaway | undefined;
  connectionEnd: ConnectionEnd | undefined;
  /** Of the side that has then given up: when it asked the other one whether it is there, and heard nothing. */
  unansweredPingAtMs: number | undefined;
  /** When the connection was last seen in use: Unix time in ms. */
  connectionSeenAtMs: number;
}

export interface Cut {
  readonly by: Side;
  readonly atMs: number;
  /** A stream of HTTP/2 was reset, or the connection closed under it. */
  readonly how: 'RST_STREAM' | 'FIN' | 'RST';
  /** Of RST_STREAM. */
  readonly errorCode: number | undefined;
}

/** The close frame of one side. */
export interface WebSocketClose {
  readonly atMs: number;
  /** Undefined: it says none, which is 1005. */
  readonly code: number | undefined;
  readonly reason: string;
  /** The same side sent data after it, which nobody may. */
  isFollowedByData: boolean;
}

export interface LateData {
  /** Frames of HTTP/2 and of a WebSocket that was closed by a frame, packets of HTTP/1.1. */
  count: number;
  bytes: number;
  lastAtMs: number;
}

export interface ConnectionEnd {
  readonly by: Side;
  readonly how: 'FIN' | 'RST';
  readonly atMs: number;
}

export interface Goaway {
  readonly by: Side;
  readonly atMs: number;
  readonly errorCode: number | undefined;
}

type Start = Pick<
  WireExchange,
  'protocol' | 'connection' | 'stream' | 'client' | 'server' | 'method' | 'target'
> & { readonly headers: readonly Header[]; readonly hasUnreadHeaders?: boolean; readonly atMs: number };

export function startExchange({ headers, hasUnreadHeaders = false, atMs, ...start }: Start): WireExchange {
  const all: Record<string, string> = {};
  for (const [name, value] of headers) all[name] = all[name] === undefined ? value : `${all[name]}, ${value}`;
  const [, traceId, spanId] = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-/.exec(all.traceparent ?? '') ?? [];
  return {
    ...start,
    traceId,
    spanId,
    limitHeaders: headers.filter(([name]) => DEADLINE_HEADERS.includes(name)),
    limit: readDeadlineHeaders(all as Headers, atMs),
    hasUnreadHeaders,
    hasTwin: false,
    rivalBeforeAtMs: undefined,
    rivalAfterAtMs: undefined,
    knownUntilMs: atMs,
    hasGap: false,
    hopBefore: undefined,
    isPassedOn: false,
    requestAtMs: atMs,
    requestEndAtMs: undefined,
    answerAtMs: undefined,
    answerEndAtMs: undefined,
    status: undefined,
    grpcStatus: undefined,
    webSocket: undefined,
    cut: undefined,
    late: { client: noData(), server: noData() },
    stalledMs: { client: 0, server: 0 },
    goaway: undefined,
    connectionEnd: undefined,
    unansweredPingAtMs: undefined,
    connectionSeenAtMs: atMs,
  };
}

function noData(): LateData {
  return { count: 0, bytes: 0, lastAtMs: 0 };
}

export function countLate(exchange: WireExchange, by: Side, bytes: number, atMs: number): void {
  const late = exchange.late[by];
  late.count += 1;
  late.bytes += bytes;
  late.lastAtMs = atMs;
}

/** It is cut when it is neither over nor cut already. */
export function cutShort(exchange: WireExchange, cut: Cut): void {
  if (exchange.answerEndAtMs === undefined || exchange.requestEndAtMs === undefined) exchange.cut ??= cut;
}

/** All that was to be said was said, or can no longer be. */
export function isOver({ cut, requestEndAtMs, answerEndAtMs }: WireExchange): boolean {
  return cut !== undefined || (requestEndAtMs !== undefined && answerEndAtMs !== undefined);
}

export function otherSide(side: Side): Side {
  return side === 'client' ? 'server' : 'client';
}
