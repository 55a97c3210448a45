/**
 * SERVER spans of clients that send no `traceparent`: known by the address and the port of the client, by what was asked for, and by the
 * time, where one span and one exchange alone fit. Who sends no `traceparent` has no span of its own that could be found.
 */
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_URL_PATH,
} from '@opentelemetry/semantic-conventions';
import type { ExportedSpan } from '../spans/span.ts';
import type { WireExchange } from './exchange.ts';

/** Clocks of one machine: a span starts on a whole millisecond. */
const SLACK_MS = 2;

export class SpansByAddress {
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
        span.startMs >= requestAtMs - SLACK_MS && span.startMs <= untilMs + SLACK_MS && isFor(span, exchange),
    );
    return fitting.length === 1 ? fitting[0] : undefined;
  }
}

/** `127.0.0.1:51000`, `[::1]:51000` */
function clientOf({ attributes }: ExportedSpan): string | undefined {
  const { [ATTR_NETWORK_PEER_ADDRESS]: address, [ATTR_NETWORK_PEER_PORT]: port } = attributes;
  if (typeof address !== 'string' || typeof port !== 'number') return undefined;
  // As a server that listens on both families has it.
  const v4 = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return v4.includes(':') ? `[${v4}]:${port}` : `${v4}:${port}`;
}

function isFor({ attributes }: ExportedSpan, { method, target }: WireExchange): boolean {
  const [path = ''] = target.split('?');
  const { [ATTR_RPC_METHOD]: rpcMethod, [ATTR_HTTP_REQUEST_METHOD]: httpMethod } = attributes;
  if (rpcMethod !== undefined) return rpcMethod === path.slice(1);
  return httpMethod === method && attributes[ATTR_URL_PATH] === path;
}
