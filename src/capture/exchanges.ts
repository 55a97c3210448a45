/** Puts packets together to exchanges, and lets go of each when nothing more is to be said of it: a capture may be larger than memory. */
import { cutShort, isOver, type Side, type WireExchange } from './exchange.ts';
import { Http1Requests } from './http1-requests.ts';
import { Http2Streams } from './http2-streams.ts';
import type { Packet } from './packet.ts';

/** What comes after a cut comes within this. */
const LATE_DATA_MS = 10_000;
const LOOK_EVERY_MS = 1_000;

interface Connection {
  readonly client: string;
  readonly http1: Http1Requests;
  readonly http2: Http2Streams;
  /** Who has said that nothing more will come. */
  readonly closedBy: Set<Side>;
}

/** Each when it is told, in the order in which that is known. */
export async function* exchangesOf(packets: AsyncIterable<Packet>): AsyncGenerator<WireExchange> {
  const connections = new Map<number, Connection>();
  let lookAtMs = 0;
  for await (const packet of packets) {
    const connection = connectionOf(packet, connections);
    if (connection === undefined) continue;
    take(packet, connection);
    if (packet.isFin || packet.isReset) yield* end(packet, connection, connections);
    if (packet.atMs < lookAtMs) continue;
    lookAtMs = packet.atMs + LOOK_EVERY_MS;
    for (const other of connections.values()) yield* settled(other, packet.atMs);
  }
  for (const connection of connections.values()) yield* all(connection);
}

/** Whoever sends the first request is the client, whatever the capture has of the connection's begin. */
function connectionOf(packet: Packet, connections: Map<number, Connection>): Connection | undefined {
  const known = connections.get(packet.connection);
  if (known !== undefined) return known;
  const isRequest =
    packet.messages.some(({ method }) => method !== undefined) ||
    packet.frames.some(({ headers }) => headers.some(([name]) => name === ':method'));
  if (!isRequest) return undefined;
  const { connection: number, from, to } = packet;
  const connection = {
    client: from,
    http1: new Http1Requests(number, from, to),
    http2: new Http2Streams(number, from, to),
    closedBy: new Set<Side>(),
  };
  connections.set(number, connection);
  return connection;
}

function take(packet: Packet, { client, http1, http2 }: Connection): void {
  const by = sideOf(packet, client);
  for (const frame of packet.frames) http2.take(frame, by, packet.atMs);
  if (packet.frames.length === 0) http1.take(packet, by);
  if (packet.length === 0) return;
  for (const exchange of [...http1.exchanges, ...http2.exchanges.values()])
    exchange.connectionSeenAtMs = packet.atMs;
}

function* end(
  packet: Packet,
  connection: Connection,
  connections: Map<number, Connection>,
): Generator<WireExchange> {
  const by = sideOf(packet, connection.client);
  const how = packet.isReset ? 'RST' : 'FIN';
  connection.http1.closed(by, packet.atMs);
  for (const exchange of all(connection, false)) {
    exchange.connectionEnd ??= { by, how, atMs: packet.atMs };
    cutShort(exchange, { by, how, atMs: packet.atMs, errorCode: undefined });
  }
  connection.closedBy.add(by);
  // After a FIN the other side may still send.
  if (!packet.isReset && connection.closedBy.size < 2) return;
  yield* all(connection);
  connections.delete(packet.connection);
}

function* settled(connection: Connection, nowMs: number): Generator<WireExchange> {
  for (const exchange of all(connection, false)) {
    const { cut, answerEndAtMs, requestEndAtMs } = exchange;
    if (!isOver(exchange)) continue;
    const overAtMs = cut?.atMs ?? Math.max(answerEndAtMs ?? 0, requestEndAtMs ?? 0);
    if (nowMs - overAtMs < LATE_DATA_MS) continue;
    forget(connection, exchange);
    yield exchange;
  }
}

function* all(connection: Connection, isLast = true): Generator<WireExchange> {
  for (const exchange of [...connection.http1.exchanges, ...connection.http2.exchanges.values()]) {
    if (isLast) forget(connection, exchange);
    yield exchange;
  }
}

function forget({ http1, http2 }: Connection, exchange: WireExchange): void {
  if (exchange.stream === undefined) http1.forget(exchange);
  else http2.forget(exchange.stream);
}

function sideOf({ from }: Packet, client: string): Side {
  return from === client ? 'client' : 'server';
}
