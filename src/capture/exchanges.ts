/** Puts packets together to exchanges, and lets go of each when nothing more is to be said of it: a capture may be larger than memory. */
import { cutShort, isOver, type Side, type WireExchange } from './exchange.ts';
import { Hops } from './hops.ts';
import { beginsMessage } from './http1-reader.ts';
import { Http1Requests } from './http1-requests.ts';
import { Http2Streams } from './http2-streams.ts';
import { InOrder, type Taken } from './in-order.ts';
import type { Packet } from './packet.ts';
import type { Reception } from './received.ts';
import { Rivals } from './rivals.ts';

/** What comes after a cut comes within this. */
const LATE_DATA_MS = 10_000;
/** What is told while it goes on is not waited for that long. */
export const LIVE_LATE_DATA_MS = 2_000;
const LOOK_EVERY_MS = 1_000;
/** What ends with its connection is told this much later: what else was asked for meanwhile is known by then. */
const AFTER_CLOSE_MS = 2 * LOOK_EVERY_MS;

interface Connection {
  readonly client: string;
  readonly http1: Http1Requests;
  readonly http2: Http2Streams;
  isTls: boolean;
  isHttp2: boolean;
  /** Who has said that nothing more will come. */
  readonly closedBy: Set<Side>;
  /** When it last carried something: Unix time in ms. */
  seenAtMs: number;
}

/** No packet came until then: Unix time in ms. */
export interface Tick {
  readonly atMs: number;
}

/**
 * Each when it is told, in the order in which that is known.
 * @param onUnread is told of each packet of HTTP/2 that was recorded after what was sent later, so that tshark has not read it
 */
export async function* exchangesOf(
  packets: AsyncIterable<Packet | Tick>,
  lateDataMs: number = LATE_DATA_MS,
  onUnread: () => void = () => {},
): AsyncGenerator<WireExchange> {
  const all: Connections = {
    byNumber: new Map(),
    hops: new Hops(),
    rivals: new Rivals(),
    over: new Map(),
    onUnread,
  };
  /** Of all connections: what came before the first request counts as well. */
  const received = new Map<number, InOrder>();
  const closed: WireExchange[] = [];
  let lookAtMs = 0;
  let lastAtMs = 0;
  for await (const packet of packets) {
    lastAtMs = packet.atMs;
    if ('connection' in packet && !all.over.has(packet.connection))
      for (const taken of inOrder(packet, received)) closed.push(...takeIn(taken, all));
    if (packet.atMs < lookAtMs) continue;
    lookAtMs = packet.atMs + LOOK_EVERY_MS;
    for (const [number, inOrder] of received) {
      for (const taken of inOrder.giveUp(packet.atMs - LOOK_EVERY_MS)) closed.push(...takeIn(taken, all));
      if (inOrder.isOver) received.delete(number);
    }
    for (const [number, atMs] of all.over) if (atMs < packet.atMs - LATE_DATA_MS) all.over.delete(number);
    const knownUntilMs = packet.atMs - LOOK_EVERY_MS;
    while ((closed[0]?.connectionEnd?.atMs ?? Number.POSITIVE_INFINITY) <= packet.atMs - AFTER_CLOSE_MS)
      yield* known(closed.splice(0, 1), knownUntilMs);
    for (const other of all.byNumber.values())
      yield* known(settled(other, packet.atMs - lateDataMs), knownUntilMs);
  }
  for (const inOrder of received.values())
    for (const taken of inOrder.giveUp(Number.POSITIVE_INFINITY)) closed.push(...takeIn(taken, all));
  yield* known(closed, lastAtMs);
  for (const connection of all.byNumber.values()) yield* known(rest(connection), lastAtMs);
}

/** All connections. */
interface Connections {
  readonly byNumber: Map<number, Connection>;
  readonly hops: Hops;
  readonly rivals: Rivals;
  /** Those that are over, and when: what comes of them is seen twice, as on two interfaces. */
  readonly over: Map<number, number>;
  readonly onUnread: () => void;
}

function* known(exchanges: Iterable<WireExchange>, untilMs: number): Generator<WireExchange> {
  for (const exchange of exchanges) {
    exchange.knownUntilMs = untilMs;
    yield exchange;
  }
}

/** @returns those whose connection is closed */
function takeIn({ packet, reception, isLate }: Taken, all: Connections): WireExchange[] {
  const connection = connectionOf(packet, all);
  if (connection === undefined) return [];
  if (isLate && reception.isNew && packet.length > 0 && packet.frames.length === 0 && connection.isHttp2)
    all.onUnread();
  take(packet, connection, reception);
  return packet.isFin || packet.isReset ? [...end(packet, connection, all)] : [];
}

function* inOrder(packet: Packet, received: Map<number, InOrder>): Generator<Taken> {
  const ofConnection = received.get(packet.connection) ?? new InOrder();
  received.set(packet.connection, ofConnection);
  yield* ofConnection.take(packet);
  if (ofConnection.isOver) received.delete(packet.connection);
}

/** Whoever sends the first request is the client, whatever the capture has of the connection's begin. */
function connectionOf(packet: Packet, { byNumber, hops, rivals }: Connections): Connection | undefined {
  const begunBefore = byNumber.get(packet.connection);
  if (begunBefore !== undefined) return begunBefore;
  const client = clientIn(packet);
  if (client === undefined) return undefined;
  const { connection: number, from, to } = packet;
  const server = client === from ? to : from;
  const begun = (exchange: WireExchange) => {
    hops.begun(exchange);
    rivals.begun(exchange);
  };
  const connection = {
    client,
    http1: new Http1Requests(number, client, server, begun),
    http2: new Http2Streams(number, client, server, begun),
    isTls: packet.isTls,
    isHttp2: false,
    closedBy: new Set<Side>(),
    seenAtMs: packet.atMs,
  };
  byNumber.set(number, connection);
  return connection;
}

/** By what is in every block of headers that begins something; the end of an answer, for instance, does not tell. */
function clientIn({ from, to, frames, content }: Packet): string | undefined {
  for (const { headers } of frames) {
    const names = headers.map(({ header: [name] }) => name);
    if (names.includes(':method')) return from;
    if (names.includes(':status')) return to;
  }
  const begin = frames.length === 0 && beginsMessage(content);
  if (!begin) return undefined;
  return content.subarray(0, 5).toString('latin1') === 'HTTP/' ? to : from;
}

function take(packet: Packet, connection: Connection, { isNew, missing }: Reception): void {
  const { client, http1, http2 } = connection;
  const by = sideOf(packet, client);
  connection.isTls ||= packet.isTls;
  for (const sender of missing) lose(connection, sender === client ? 'client' : 'server');
  connection.isHttp2 ||= packet.frames.length > 0;
  for (const frame of packet.frames) http2.take(frame, by, packet.atMs);
  // More of a record of TLS is no content.
  const hasContent = isNew && packet.frames.length === 0 && connection.isTls === packet.isTls;
  if (hasContent && packet.content.length > 0) http1.take(packet.content, by, packet.atMs);
  if (packet.length > 0) connection.seenAtMs = packet.atMs;
}

function lose(connection: Connection, by: Side): void {
  connection.http1.lose(by);
  connection.http2.lose(by);
  for (const exchange of heldOf(connection)) exchange.hasGap ||= !isOver(exchange);
}

function* end(
  packet: Packet,
  connection: Connection,
  { byNumber, over }: Connections,
): Generator<WireExchange> {
  const by = sideOf(packet, connection.client);
  const how = packet.isReset ? 'RST' : 'FIN';
  connection.http1.closed(by, packet.atMs);
  for (const exchange of heldOf(connection)) {
    exchange.connectionEnd ??= { by, how, atMs: packet.atMs };
    // Its end may be what is missing.
    if (exchange.hasGap) continue;
    cutShort(exchange, { by, how, atMs: packet.atMs, errorCode: undefined });
    noteUnanswered(exchange, connection.http2.unansweredPingAtMs(by), packet.atMs);
  }
  connection.closedBy.add(by);
  // After a FIN the other side may still send.
  if (!packet.isReset && connection.closedBy.size < 2) return;
  yield* rest(connection);
  byNumber.delete(packet.connection);
  over.set(packet.connection, packet.atMs);
}

/** A shorter time is the way there and back. */
const UNANSWERED_MS = 100;

/** It gave up while it waited, by closing the connection or just before that. */
function noteUnanswered(exchange: WireExchange, pingAtMs: number | undefined, closedAtMs: number): void {
  const { cut, connectionEnd } = exchange;
  if (pingAtMs === undefined || closedAtMs - pingAtMs < UNANSWERED_MS) return;
  if (cut !== undefined && cut.by === connectionEnd?.by && cut.atMs >= pingAtMs + UNANSWERED_MS)
    exchange.unansweredPingAtMs = pingAtMs;
}

function* settled(connection: Connection, untilMs: number): Generator<WireExchange> {
  for (const exchange of heldOf(connection)) {
    const { cut, answerEndAtMs, requestEndAtMs } = exchange;
    if (!isOver(exchange)) continue;
    const overAtMs = cut?.atMs ?? Math.max(answerEndAtMs ?? 0, requestEndAtMs ?? 0);
    if (overAtMs <= untilMs) yield letGo(connection, exchange);
  }
}

function heldOf({ http1, http2 }: Connection): WireExchange[] {
  return [...http1.exchanges, ...http2.exchanges.values()];
}

function* rest(connection: Connection): Generator<WireExchange> {
  for (const exchange of heldOf(connection)) yield letGo(connection, exchange);
}

function letGo({ http1, http2, seenAtMs }: Connection, exchange: WireExchange): WireExchange {
  if (exchange.stream === undefined) http1.forget(exchange);
  else http2.forget(exchange.stream);
  exchange.connectionSeenAtMs = seenAtMs;
  return exchange;
}

function sideOf({ from }: Packet, client: string): Side {
  return from === client ? 'client' : 'server';
}
