/** A request of undici in the words of the semantic conventions for HTTP client spans. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';
import { errorTypeOf, messageOf } from '../../cancellation/reason.ts';
import { MAX_FULL_URL_LENGTH, MAX_URL_LENGTH } from '../../conventions/lengths.ts';
import { describeMethod } from '../../conventions/method.ts';
import { redactQuery } from '../../conventions/url.ts';
import { cut } from '../../operation/cut.ts';
import type { Settlement, SpanDescription } from '../../operation/description.ts';
import type { Cancellation } from '../../operation/operation.ts';
import type { Exchange } from './exchange.ts';

export interface Target {
  /** `http://example.org:8080`: scheme, host and port, no credentials. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
}

export function describeTarget({ origin, path, method }: Target): SpanDescription {
  const { scheme, address, port } = parseOrigin(origin);
  // In the absolute form, which proxies get, the path is the URL.
  const url = new URLParts(path.charCodeAt(0) === 47 /* / */ ? origin : '', path);
  const attributes: Attributes = {
    [ATTR_URL_FULL]: url.full,
    [ATTR_URL_PATH]: url.path,
    [ATTR_URL_SCHEME]: scheme,
    [ATTR_SERVER_ADDRESS]: address,
  };
  const name = describeMethod(method, attributes);
  if (url.query !== '') attributes[ATTR_URL_QUERY] = url.query;
  if (port !== undefined) attributes[ATTR_SERVER_PORT] = port;
  return { side: 'client', system: 'http', name, attributes };
}

/** @param error what the request failed with or was cancelled by, if anything */
export function describeResult({ statusCode, operation }: Exchange, error: unknown): Settlement {
  const attributes: Attributes = {};
  if (statusCode > 0) attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = statusCode;
  const { cancellation } = operation;
  if (cancellation?.initiator === 'local' || cancellation?.initiator === 'inherited') {
    const errorType = errorTypeOfCancelled(cancellation, error);
    if (errorType !== undefined) attributes[ATTR_ERROR_TYPE] = errorType;
    return { attributes };
  }
  if (error !== undefined) {
    attributes[ATTR_ERROR_TYPE] = errorTypeOf(error);
    return { attributes, isError: true, message: messageOf(error) };
  }
  if (statusCode >= 400) {
    attributes[ATTR_ERROR_TYPE] = String(statusCode);
    return { attributes, isError: true };
  }
  return { attributes };
}

/** By whatever of this process it was cancelled: an answer with an error status is that error. */
export function errorTypeOfCancelled(
  { errorStatus, outcome }: Cancellation,
  error: unknown,
): string | undefined {
  if (errorStatus !== undefined) return String(errorStatus);
  return outcome === 'canceled' ? undefined : errorTypeOf(error);
}

class URLParts {
  readonly full: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;

  constructor(origin: string, path: string) {
    const start = path.indexOf('?');
    const before = start === -1 ? path : path.slice(0, start);
    this.path = cut(before, MAX_URL_LENGTH);
    const search = start === -1 ? '' : redactQuery(path.slice(start));
    this.query = cut(search.slice(1), MAX_URL_LENGTH);
    this.full = cut(`${origin}${before}${search}`, MAX_FULL_URL_LENGTH);
  }
}

interface Origin {
  readonly scheme: string;
  readonly address: string;
  readonly port: number | undefined;
}

const MAX_ORIGINS = 256;
/** A process talks to few origins, again and again. */
const origins = new Map<string, Origin>();

function parseOrigin(text: string): Origin {
  let origin = origins.get(text);
  if (origin === undefined) {
    const url = new URL(text);
    const scheme = url.protocol.slice(0, -1);
    const port = Number(url.port) || (scheme === 'https' ? 443 : scheme === 'http' ? 80 : undefined);
    origin = { scheme, address: url.hostname, port };
    if (origins.size >= MAX_ORIGINS) origins.clear();
    origins.set(text, origin);
  }
  return origin;
}
