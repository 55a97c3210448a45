/** A stream in the words of the semantic conventions for HTTP spans, at its start and at its end. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from '@opentelemetry/semantic-conventions';
import { asText } from '../../cancellation/reason.ts';
import { forwardedFor } from '../../conventions/forwarded-for.ts';
import { MAX_USER_AGENT_LENGTH } from '../../conventions/lengths.ts';
import { describeMethod } from '../../conventions/method.ts';
import { defaultPortOf, describePath, fullUrl, parseAuthority } from '../../conventions/url.ts';
import { cut } from '../../operation/cut.ts';
import type { Settlement, SpanDescription } from '../../operation/description.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Session, Stream } from './internals.ts';
import type { Headers } from './propagation.ts';

export function describeRequest(headers: Headers, session: Session): SpanDescription {
  const attributes: Attributes = { [ATTR_NETWORK_PROTOCOL_VERSION]: '2' };
  const name = describeMethod(asText(headers[':method'] ?? 'GET') ?? '', attributes);
  const authority = asText(headers[':authority'] ?? headers.host ?? defaultOf(session, 'authority') ?? '');
  const scheme = (asText(headers[':scheme'] ?? defaultOf(session, 'protocol')) ?? 'https').replace(/:$/, '');
  if (authority) {
    const { host, port } = parseAuthority(authority);
    attributes[ATTR_SERVER_ADDRESS] = host;
    attributes[ATTR_SERVER_PORT] = port ?? defaultPortOf(scheme);
    attributes[ATTR_URL_FULL] = fullUrl(`${scheme}:`, host, port, asText(headers[':path'] ?? '/') ?? '');
  }
  return { side: 'client', system: 'http2', name, attributes };
}

export function describeIncoming(headers: Headers, connection: Connection): SpanDescription {
  const scheme = String(headers[':scheme'] ?? 'http');
  const attributes: Attributes = {
    [ATTR_NETWORK_PROTOCOL_VERSION]: '2',
    [ATTR_URL_SCHEME]: scheme,
  };
  const name = describeMethod(String(headers[':method'] ?? 'GET'), attributes);
  describePath(String(headers[':path'] ?? '/'), attributes);
  const authorityText = headers[':authority'] ?? headers.host;
  if (authorityText !== undefined) {
    const { host, port } = parseAuthority(String(authorityText));
    attributes[ATTR_SERVER_ADDRESS] = host;
    attributes[ATTR_SERVER_PORT] = port ?? defaultPortOf(scheme);
  }
  setPeer(attributes, connection);
  const client = forwardedFor(headers['x-forwarded-for']) ?? connection.peerAddress;
  if (client !== undefined) attributes[ATTR_CLIENT_ADDRESS] = client;
  const userAgent = headers['user-agent'];
  if (userAgent !== undefined) {
    attributes[ATTR_USER_AGENT_ORIGINAL] = cut(String(userAgent), MAX_USER_AGENT_LENGTH);
  }
  return { side: 'server', system: 'http2', name, attributes };
}

/** @param stream undefined when Node refused to make one */
export function describeEnd(stream: Stream | undefined, exchange: Exchange): Settlement {
  const { connection, failure } = exchange;
  const attributes: Attributes = {};
  let isError = false;
  const status = statusOf(stream, exchange);
  if (status !== undefined) {
    attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = status;
    isError = errorStatusOf(stream, exchange) !== undefined;
    if (isError) attributes[ATTR_ERROR_TYPE] = String(status);
  }
  if (connection.isClient) {
    connection.learnPeer();
    setPeer(attributes, connection);
  }
  if (failure === undefined) return { attributes, isError };
  attributes[ATTR_ERROR_TYPE] = failure.type;
  return failure.message === undefined
    ? { attributes, isError: true }
    : { attributes, isError: true, message: failure.message };
}

/** Undefined for an answer that is no error. */
export function errorStatusOf(stream: Stream | undefined, exchange: Exchange): number | undefined {
  const status = statusOf(stream, exchange);
  return status !== undefined && status >= (exchange.connection.isClient ? 400 : 500) ? status : undefined;
}

/** Undefined when no head was received or sent, whatever one was meant to be. */
export function statusOf(stream: Stream | undefined, { connection, status }: Exchange): number | undefined {
  if (connection.isClient) return status;
  const sent = stream?.headersSent ? stream.sentHeaders?.[':status'] : undefined;
  return sent === undefined ? undefined : Number(sent);
}

function setPeer(attributes: Attributes, { peerAddress, peerPort }: Connection): void {
  if (peerAddress === undefined) return;
  attributes[ATTR_NETWORK_PEER_ADDRESS] = peerAddress;
  attributes[ATTR_NETWORK_PEER_PORT] = peerPort;
}

const symbols = new Map<string, symbol>();

/** What a client's session was connected to is kept under symbols of Node's, and nowhere else. */
function defaultOf(session: object, description: 'authority' | 'protocol'): unknown {
  let symbol = symbols.get(description);
  if (symbol === undefined) {
    symbol = Object.getOwnPropertySymbols(session).find((own) => own.description === description);
    if (symbol === undefined) return undefined;
    symbols.set(description, symbol);
  }
  return Reflect.get(session, symbol);
}
