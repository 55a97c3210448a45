/** An incoming request in the words of the semantic conventions for HTTP server spans. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from '@opentelemetry/semantic-conventions';
import { errorTypeOf, messageOf } from '../../cancellation/reason.ts';
import { forwardedFor } from '../../conventions/forwarded-for.ts';
import { MAX_USER_AGENT_LENGTH } from '../../conventions/lengths.ts';
import { describeMethod, nameOfMethod } from '../../conventions/method.ts';
import { describePath, parseAuthority, pathOfTarget } from '../../conventions/url.ts';
import { cut } from '../../operation/cut.ts';
import type { Settlement, SpanDescription } from '../../operation/description.ts';
import type { Message, Response } from './internals.ts';

export function describeIncoming(request: Message): SpanDescription {
  const { headers, socket } = request;
  const attributes: Attributes = {
    [ATTR_URL_SCHEME]: socket?.encrypted ? 'https' : 'http',
    [ATTR_NETWORK_PROTOCOL_VERSION]: request.httpVersion,
  };
  describePath(pathOfTarget(request.url ?? ''), attributes);
  if (headers.host !== undefined) {
    const { host, port } = parseAuthority(headers.host);
    attributes[ATTR_SERVER_ADDRESS] = host;
    if (port !== undefined) attributes[ATTR_SERVER_PORT] = port;
  }
  const peer = socket?.remoteAddress;
  if (peer !== undefined) {
    attributes[ATTR_NETWORK_PEER_ADDRESS] = peer;
    attributes[ATTR_NETWORK_PEER_PORT] = socket?.remotePort;
  }
  const client = forwardedFor(headers['x-forwarded-for']) ?? peer;
  if (client !== undefined) attributes[ATTR_CLIENT_ADDRESS] = client;
  const userAgent = headers['user-agent'];
  if (userAgent !== undefined) {
    attributes[ATTR_USER_AGENT_ORIGINAL] = cut(userAgent, MAX_USER_AGENT_LENGTH);
  }
  const name = describeMethod(request.method ?? 'GET', attributes);
  return { side: 'server', system: 'http', name, attributes };
}

/** @param error what the handler threw or the connection failed with, if so */
export function describeAnswer(response: Response, route: string | undefined, error: unknown): Settlement {
  const attributes: Attributes = {};
  let name: string | undefined;
  if (route !== undefined) {
    attributes[ATTR_HTTP_ROUTE] = route;
    name = `${nameOfMethod(response.req.method ?? 'GET')} ${route}`;
  }
  let isError = false;
  if (response._headerSent) {
    attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = response.statusCode;
    isError = errorStatusOf(response) !== undefined;
    if (isError) attributes[ATTR_ERROR_TYPE] = String(response.statusCode);
  }
  if (error === undefined) return { attributes, name, isError };
  attributes[ATTR_ERROR_TYPE] = errorTypeOf(error);
  return { attributes, name, isError: true, message: messageOf(error) };
}

/** Undefined for an answer that is no error, or of which nothing was sent. */
export function errorStatusOf({ _headerSent, statusCode }: Response): number | undefined {
  return _headerSent && statusCode >= 500 ? statusCode : undefined;
}
