/** What is known of a run, found by what it belongs to. */
import type { WireExchange } from '../capture/exchange.ts';
import { sentenceOf } from '../capture/sentence.ts';
import { SpansOfExchanges, type ToldBySpans } from '../capture/told-by-spans.ts';
import { groupBy } from '../spans/group-by.ts';
import type { ExportedSpan } from '../spans/span.ts';
import type { ProcessRecord } from './process-record.ts';

export interface Run {
  readonly spans: readonly ExportedSpan[];
  /** Requests on the wire; none where there is no capture. */
  readonly exchanges: readonly WireExchange[];
  /** None where there are spans only. */
  readonly processes: readonly ProcessRecord[];
}

export interface Evidence extends Run {
  parentOf(span: ExportedSpan): ExportedSpan | undefined;
  /** The span of whoever got its request. */
  receivedOf(span: ExportedSpan): ExportedSpan | undefined;
  /** What it did on other systems, whatever is in between. */
  outgoingOf(span: ExportedSpan): readonly ExportedSpan[];
  /** The same request on each connection that it went by, the first first. */
  exchangesOf(span: ExportedSpan): readonly WireExchange[];
  recordOf(span: ExportedSpan): ProcessRecord | undefined;
  /** What the spans of both sides say of a request on the wire. */
  toldOf(exchange: WireExchange): ToldBySpans | undefined;
  /** What became of its request on the wire, for each connection, where it was cancelled. */
  sentencesOf(span: ExportedSpan): readonly string[];
}

export function evidenceIn(run: Run): Evidence {
  const { spans, exchanges, processes } = run;
  const key = (traceId: string, spanId: string | undefined) => `${traceId} ${spanId}`;
  const bySpanId = new Map(spans.map((span) => [key(span.traceId, span.spanId), span]));
  const children = groupBy(spans, ({ traceId, parentSpanId }) => key(traceId, parentSpanId));
  const childrenOf = ({ traceId, spanId }: ExportedSpan) => children.get(key(traceId, spanId)) ?? [];
  const wire = groupBy(exchanges, ({ traceId, spanId }) => key(traceId ?? '', spanId));
  const joined = new SpansOfExchanges();
  joined.add(spans);
  const told = new Map(exchanges.map((exchange) => [exchange, joined.of(exchange)]));
  const sentences = new Map<ExportedSpan, string[]>();
  for (const [exchange, sides] of told) {
    const sentence = sentenceOf(exchange, sides);
    if (sentence === undefined) continue;
    for (const side of [sides?.client, sides?.server])
      if (side !== undefined) sentences.set(side.span, [...(sentences.get(side.span) ?? []), sentence]);
  }
  return {
    ...run,
    parentOf: ({ traceId, parentSpanId }) => bySpanId.get(key(traceId, parentSpanId)),
    receivedOf: (span) => childrenOf(span).find(({ kind }) => kind === 'server' || kind === 'consumer'),
    outgoingOf(span) {
      const found: ExportedSpan[] = [];
      const seen = new Set([span]);
      const left = [span];
      for (let at = left.pop(); at !== undefined; at = left.pop()) {
        for (const child of childrenOf(at)) {
          if (seen.has(child)) continue;
          seen.add(child);
          if (child.kind === 'client' || child.kind === 'producer') found.push(child);
          else if (child.kind === 'internal') left.push(child);
        }
      }
      return found;
    },
    exchangesOf: ({ traceId, spanId }) =>
      (wire.get(key(traceId, spanId)) ?? []).toSorted((a, b) => a.requestAtMs - b.requestAtMs),
    toldOf: (exchange) => told.get(exchange),
    sentencesOf: (span) => sentences.get(span) ?? [],
    recordOf({ pid, endMs }) {
      // Ids of processes are used again: the last that had begun.
      return processes.findLast(
        (process) => process.pid === pid && process.clock.unixMs(process.recorded.info.startedMs) <= endMs,
      );
    },
  };
}
