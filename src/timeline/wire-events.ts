/** Requests on the wire as slices: a track for each connection, and one more for each stream that is beside another. */
import type { WireExchange } from '../capture/exchange.ts';
import { factsOf } from '../capture/facts.ts';
import { groupBy } from '../spans/group-by.ts';
import { Lanes } from './lanes.ts';
import { type Axis, FOR_NOBODY, type TraceEvent, type Tracks } from './trace-event.ts';

export function* drawWire(
  exchanges: readonly WireExchange[],
  tracks: Tracks,
  axis: Axis,
): Generator<TraceEvent> {
  if (exchanges.length === 0) return;
  const pid = tracks.process('wire');
  const ordered = exchanges.toSorted((a, b) => a.requestAtMs - b.requestAtMs);
  for (const ofConnection of groupBy(ordered, ({ connection }) => connection).values()) {
    const { client, server } = ofConnection[0] as WireExchange;
    const lanes = new Lanes(() => false);
    const placed = ofConnection.map((exchange) => {
      const fromNs = axis.ns(exchange.requestAtMs);
      const toNs = Math.max(fromNs, axis.ns(endOf(exchange)));
      return { exchange, fromNs, toNs, lane: lanes.place({ fromNs, toNs }) };
    });
    const byLane = groupBy(
      placed.toSorted((a, b) => a.lane - b.lane),
      ({ lane }) => lane,
    );
    for (const [lane, inLane] of byLane) {
      const name = `${client} → ${server}${lane === 0 ? '' : ` (${lane + 1})`}`;
      const track = tracks.track(pid, name);
      for (const { exchange, fromNs, toNs } of inLane) {
        const { method, target, protocol, stream, traceId, limitHeaders, status, grpcStatus } = exchange;
        const headers = Object.fromEntries(limitHeaders);
        yield {
          ph: 'X',
          name: `${method} ${target}`,
          cat: 'wire',
          ts: fromNs / 1_000,
          dur: (toNs - fromNs) / 1_000,
          ...track,
          args: { protocol, stream, 'trace id': traceId, status, 'grpc status': grpcStatus, ...headers },
        };
        yield* drawLate(exchange, track, axis);
        for (const { atMs, by, text } of factsOf(exchange, undefined)) {
          const ts = axis.us(exchange.requestAtMs + atMs);
          yield { ph: 'i', s: 't', name: `${by}: ${text}`, cat: 'wire', ts, ...track };
        }
      }
    }
  }
}

/** When the last was heard of it. */
export function endOf({
  requestAtMs,
  requestEndAtMs,
  answerAtMs,
  answerEndAtMs,
  cut,
  late,
}: WireExchange): number {
  const times = [requestAtMs, requestEndAtMs, answerAtMs, answerEndAtMs, cut?.atMs];
  return Math.max(late.client.lastAtMs, late.server.lastAtMs, ...times.map((at) => at ?? 0));
}

/** What was still sent after the cut. Of two, both from there, the longer is around the other. */
function* drawLate(
  { cut, late, protocol }: WireExchange,
  track: { pid: number; tid: number },
  axis: Axis,
): Generator<TraceEvent> {
  if (cut === undefined) return;
  const sides = (['client', 'server'] as const).filter((side) => late[side].count > 0);
  for (const side of sides.sort((a, b) => late[b].lastAtMs - late[a].lastAtMs)) {
    const { count, bytes, lastAtMs } = late[side];
    const fromNs = axis.ns(cut.atMs);
    yield {
      ph: 'X',
      name: `late ${protocol === 'HTTP/2' ? 'DATA' : 'content'} by the ${side}`,
      ...FOR_NOBODY,
      ts: fromNs / 1_000,
      dur: (Math.max(fromNs, axis.ns(lastAtMs)) - fromNs) / 1_000,
      ...track,
      args: { count, bytes },
    };
  }
}
