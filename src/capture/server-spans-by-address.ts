/**
 * SERVER spans of clients that send no `traceparent`: known by the address and the port of the client, by what was asked for, and by the
 * time, where one span and one exchange alone fit.
 */
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_URL_PATH,
} from '@opentelemetry/semantic-conventions';
import type { ExportedSpan } from '../spans/span.ts';
import { addressAsCaptured, CLOCK_SLACK_MS } from './address.ts';
import type { WireExchange } from './exchange.ts';

export class ServerSpansByAddress {
  /** By the address of the client, as in the capture. */
  readonly #roots = new Map<string, ExportedSpan[]>();

  add(span: ExportedSpan): void {
    const client = clientOf(span);
    if (span.kind !== 'server' || span.parentSpanId !== undefined || client === undefined) return;
    const known = this.#roots.get(client);
    if (known === undefined) this.#roots.set(client, [span]);
    else known.push(span);
  }

  /** @returns undefined where none fits, or more than one */
  of(exchange: WireExchange): ExportedSpan | undefined {
    if (exchange.traceId !== undefined || exchange.hasUnreadHeaders || exchange.hasTwin) return undefined;
    const { client, requestAtMs, answerAtMs, cut, connectionSeenAtMs } = exchange;
    const untilMs = answerAtMs ?? cut?.atMs ?? connectionSeenAtMs;
    const fitting = (this.#roots.get(client) ?? []).filter(
      (span) =>
        span.startMs >= requestAtMs - CLOCK_SLACK_MS &&
        span.startMs <= untilMs + CLOCK_SLACK_MS &&
        isFor(span, exchange),
    );
    return fitting.length === 1 ? fitting[0] : undefined;
  }
}

function clientOf({ attributes }: ExportedSpan): string | undefined {
  return addressAsCaptured(attributes[ATTR_NETWORK_PEER_ADDRESS], attributes[ATTR_NETWORK_PEER_PORT]);
}

function isFor({ attributes }: ExportedSpan, { method, target }: WireExchange): boolean {
  const [path = ''] = target.split('?');
  const { [ATTR_RPC_METHOD]: rpcMethod, [ATTR_HTTP_REQUEST_METHOD]: httpMethod } = attributes;
  if (rpcMethod !== undefined) return rpcMethod === path.slice(1);
  return httpMethod === method && attributes[ATTR_URL_PATH] === path;
}
