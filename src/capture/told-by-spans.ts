/** What the spans of both sides say of an exchange: joined by the `traceparent` that was sent, whatever the connection was; else by address. */
import { type Cancel, cancelOf, deadlineOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { ClientSpansByAddress } from './client-spans-by-address.ts';
import type { WireExchange } from './exchange.ts';
import { ServerSpansByAddress } from './server-spans-by-address.ts';

export interface ToldBySpans {
  /** The span whose request it is. */
  readonly client: SideTold | undefined;
  /** The span that was made of the request. */
  readonly server: SideTold | undefined;
  /** There was no `traceparent`. */
  readonly isByAddress: boolean;
}

export interface SideTold {
  readonly span: ExportedSpan;
  readonly cancel: Cancel | undefined;
  /** The time limit that it was given, or read: ms. */
  readonly timeoutMs: number | undefined;
}

/** Spans that may belong to an exchange; others are not kept. */
export class SpansOfExchanges {
  readonly #clients = new Map<string, ExportedSpan>();
  /** By their parent. */
  readonly #servers = new Map<string, ExportedSpan>();
  readonly #clientsByAddress = new ClientSpansByAddress();
  readonly #serversByAddress = new ServerSpansByAddress();

  add(spans: readonly ExportedSpan[]): void {
    for (const span of spans) {
      this.#clientsByAddress.add(span);
      this.#serversByAddress.add(span);
      if (span.kind === 'server' && span.parentSpanId !== undefined)
        this.#servers.set(keyOf(span.traceId, span.parentSpanId), span);
      if (span.kind === 'client') this.#clients.set(keyOf(span.traceId, span.spanId), span);
    }
  }

  of(exchange: WireExchange): ToldBySpans | undefined {
    const { traceId, spanId } = exchange;
    if (traceId === undefined || spanId === undefined) {
      const client = toldBy(this.#clientsByAddress.of(exchange));
      const server = toldBy(this.#serversByAddress.of(exchange));
      return client === undefined && server === undefined ? undefined : { client, server, isByAddress: true };
    }
    const key = keyOf(traceId, spanId);
    const client = toldBy(this.#clients.get(key));
    const server = toldBy(this.#servers.get(key));
    return client === undefined && server === undefined ? undefined : { client, server, isByAddress: false };
  }
}

function keyOf(traceId: string, spanId: string): string {
  return `${traceId} ${spanId}`;
}

function toldBy(span: ExportedSpan | undefined): SideTold | undefined {
  return span && { span, cancel: cancelOf(span), timeoutMs: deadlineOf(span)?.timeoutMs };
}
