/**
 * CLIENT spans whose `traceparent` did not arrive, or was not sent: known by the address of the server, by what was asked for, and by the
 * time, where one span and one request alone fit.
 */
import { isIP } from 'node:net';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
} from '@opentelemetry/semantic-conventions';
import { cancelOf } from '../spans/cancel.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { addressAsCaptured, CLOCK_SLACK_MS } from './address.ts';
import type { WireExchange } from './exchange.ts';
import { askedFor } from './rivals.ts';

export class ClientSpansByAddress {
  /** By what they ask for. */
  readonly #spans = new Map<string, ExportedSpan[]>();

  add(span: ExportedSpan): void {
    const asked = span.kind === 'client' ? askedBy(span) : undefined;
    if (asked === undefined) return;
    const known = this.#spans.get(asked);
    if (known === undefined) this.#spans.set(asked, [span]);
    else known.push(span);
  }

  /** @returns undefined where none fits, or more than one, or another request may be the span's */
  of(exchange: WireExchange): ExportedSpan | undefined {
    if (exchange.traceId !== undefined || exchange.hasUnreadHeaders || exchange.hasGap) return undefined;
    const fitting = (this.#spans.get(askedFor(exchange)) ?? []).filter((span) => encloses(span, exchange));
    const [span] = fitting;
    if (span === undefined || fitting.length > 1) return undefined;
    return isAlone(exchange, span) && hasSameEnd(exchange, span) && hasSameQuery(exchange, span)
      ? span
      : undefined;
  }
}

function askedBy({ attributes }: ExportedSpan): string | undefined {
  const server = serverOf(attributes);
  if (server === undefined) return undefined;
  const { [ATTR_RPC_METHOD]: rpcMethod, [ATTR_HTTP_REQUEST_METHOD]: method } = attributes;
  if (rpcMethod !== undefined) return askedFor({ server, method: 'POST', target: `/${rpcMethod}` });
  const url = urlOf(attributes);
  return url && askedFor({ server, method: String(method), target: url.pathname });
}

function serverOf(attributes: ExportedSpan['attributes']): string | undefined {
  const peer = addressAsCaptured(attributes[ATTR_NETWORK_PEER_ADDRESS], attributes[ATTR_NETWORK_PEER_PORT]);
  if (peer !== undefined) return peer;
  const { [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: port } = attributes;
  return isIP(String(address)) === 0 ? undefined : addressAsCaptured(address, port);
}

function urlOf(attributes: ExportedSpan['attributes']): URL | undefined {
  const url = String(attributes[ATTR_URL_FULL]);
  return URL.canParse(url) ? new URL(url) : undefined;
}

function encloses(span: ExportedSpan, { requestAtMs, answerAtMs }: WireExchange): boolean {
  const untilMs = span.endMs + CLOCK_SLACK_MS;
  if (requestAtMs < span.startMs - CLOCK_SLACK_MS || requestAtMs > untilMs) return false;
  // One that is cancelled is over before the answer that was on its way.
  return answerAtMs === undefined || answerAtMs <= untilMs || cancelOf(span) !== undefined;
}

/** No other request for the same began while the span was open: that may be the span's, or this one of somebody who has none. */
function isAlone(
  { rivalBeforeAtMs, rivalAfterAtMs, knownUntilMs }: WireExchange,
  { startMs, endMs }: ExportedSpan,
): boolean {
  const untilMs = endMs + CLOCK_SLACK_MS;
  const isFirst = rivalBeforeAtMs === undefined || rivalBeforeAtMs < startMs - CLOCK_SLACK_MS;
  return isFirst && (rivalAfterAtMs === undefined || rivalAfterAtMs > untilMs) && knownUntilMs >= untilMs;
}

/** What either says of the answer, and of a client that left, is not of two requests. */
function hasSameEnd({ status, cut, answerEndAtMs }: WireExchange, span: ExportedSpan): boolean {
  const { [ATTR_HTTP_RESPONSE_STATUS_CODE]: told } = span.attributes;
  if (told !== undefined && told !== status) return false;
  const isLeft = cut?.by === 'client' && answerEndAtMs === undefined;
  return !isLeft || cancelOf(span) !== undefined || span.status.code === 'error';
}

/** Where the span has it as it was. */
function hasSameQuery({ target }: WireExchange, { attributes }: ExportedSpan): boolean {
  const url = urlOf(attributes);
  if (url === undefined || url.search.includes('REDACTED')) return true;
  const at = target.indexOf('?');
  return url.search === (at === -1 ? '' : target.slice(at));
}
