/** An outgoing request in the words of the semantic conventions for HTTP client spans. */
import type { IncomingMessage } from 'node:http';
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
} from '@opentelemetry/semantic-conventions';
import { errorTypeOf, messageOf } from '../../cancellation/reason.ts';
import { describeMethod } from '../../conventions/method.ts';
import { fullUrl, parseAuthority } from '../../conventions/url.ts';
import type { Settlement, SpanDescription } from '../../operation/description.ts';
import type { OutgoingRequest } from './internals.ts';

/** @param options what the agent was given; unknown when the request was seen only later */
export function describeRequest(request: OutgoingRequest, options: unknown): SpanDescription {
  const { host, protocol, path, socketPath } = request as OutgoingRequest & { readonly socketPath?: string };
  const port = portOf(request, options);
  const attributes: Attributes = { [ATTR_URL_FULL]: fullUrl(protocol, host, port, path) };
  if (socketPath) {
    attributes[ATTR_SERVER_ADDRESS] = socketPath;
  } else {
    attributes[ATTR_SERVER_ADDRESS] = host;
    if (port !== undefined) attributes[ATTR_SERVER_PORT] = port;
  }
  const name = describeMethod(request.method, attributes);
  return { side: 'client', system: 'http', name, attributes };
}

/** @param error what the request failed with, when it failed */
export function describeResult(request: OutgoingRequest, error: unknown): Settlement {
  const attributes: Attributes = {};
  const { socket, res } = request;
  if (socket?.remoteAddress !== undefined) {
    attributes[ATTR_NETWORK_PEER_ADDRESS] = socket.remoteAddress;
    attributes[ATTR_NETWORK_PEER_PORT] = socket.remotePort;
  }
  let isError = false;
  if (res) {
    const statusCode = res.statusCode ?? 0;
    attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = statusCode;
    attributes[ATTR_NETWORK_PROTOCOL_VERSION] = res.httpVersion;
    isError = errorStatusOf(res) !== undefined;
    if (isError) attributes[ATTR_ERROR_TYPE] = String(statusCode);
  }
  if (error === undefined) return { attributes, isError };
  attributes[ATTR_ERROR_TYPE] = errorTypeOf(error);
  return { attributes, isError: true, message: messageOf(error) };
}

/** Undefined for a response that is no error. */
export function errorStatusOf(response: IncomingMessage | null): number | undefined {
  const statusCode = response?.statusCode ?? 0;
  return statusCode >= 400 ? statusCode : undefined;
}

function portOf(request: OutgoingRequest, options: unknown): number | undefined {
  if (typeof options === 'object' && options !== null && 'port' in options) {
    const port = Number(options.port);
    if (port > 0) return port;
  }
  const hostHeader = request.getHeader('host');
  return typeof hostHeader === 'string' ? parseAuthority(hostHeader).port : undefined;
}
