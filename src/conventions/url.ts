/** URLs as the semantic conventions want them: without credentials, and without the signatures of signed URLs. */

import type { Attributes } from '@opentelemetry/api';
import { ATTR_URL_PATH, ATTR_URL_QUERY } from '@opentelemetry/semantic-conventions';
import { cut } from '../operation/cut.ts';
import { MAX_ADDRESS_LENGTH, MAX_FULL_URL_LENGTH, MAX_URL_LENGTH } from './lengths.ts';

/** Query parameters that grant access to whoever has them (semantic conventions, `url.full` and `url.query`). */
const SECRET_PARAMETERS = ['AWSAccessKeyId', 'Signature', 'sig', 'X-Goog-Signature'];

/**
 * @param protocol scheme with its colon
 * @param path path and query as on the request line; the absolute form that proxies get is possible too
 */
export function fullUrl(protocol: string, host: string, port: number | undefined, path: string): string {
  if (path.charCodeAt(0) !== 47 /* / */ && path.includes('://')) return shown(withoutUserInfo(path));
  const hostPart = host.includes(':') && host.charCodeAt(0) !== 91 /* [ */ ? `[${host}]` : host;
  const isDefaultPort = port === undefined || port === defaultPortOf(protocol.slice(0, -1));
  const authority = isDefaultPort ? hostPart : `${hostPart}:${port}`;
  return shown(`${protocol}//${authority}${path}`);
}

function shown(url: string): string {
  return cut(redactQuery(url), MAX_FULL_URL_LENGTH);
}

/** What an incoming request asks for. @param target path and query */
export function describePath(target: string, attributes: Attributes): void {
  const queryStart = target.indexOf('?');
  attributes[ATTR_URL_PATH] = cut(queryStart === -1 ? target : target.slice(0, queryStart), MAX_URL_LENGTH);
  if (queryStart === -1) return;
  attributes[ATTR_URL_QUERY] = cut(redactQuery(target.slice(queryStart)).slice(1), MAX_URL_LENGTH);
}

export function defaultPortOf(scheme: string): number {
  return scheme === 'https' ? 443 : 80;
}

/** Path and query of what is on a request line: of the absolute form that proxies get, what follows the authority. */
export function pathOfTarget(target: string): string {
  if (target.charCodeAt(0) === 47 /* / */) return target;
  const authority = target.indexOf('://') + 3;
  if (authority === 2) return target;
  const length = target.slice(authority).search(/[/?#]/);
  return length === -1 ? '/' : target.slice(authority + length);
}

/** Works on a URL, on a path with a query, and on a query alone when it is given with its question mark. */
export function redactQuery(url: string): string {
  const start = url.indexOf('?');
  if (start === -1) return url;
  let result = url;
  for (const name of SECRET_PARAMETERS) {
    if (result.includes(`${name}=`, start)) {
      result = result.replace(new RegExp(`([?&]${name}=)[^&#]+`, 'g'), '$1REDACTED');
    }
  }
  return result;
}

function withoutUserInfo(url: string): string {
  const start = url.indexOf('://') + 3;
  const rest = url.slice(start);
  const end = rest.search(/[/?#]/);
  const at = (end === -1 ? rest : rest.slice(0, end)).lastIndexOf('@');
  return at === -1 ? url : url.slice(0, start) + rest.slice(at + 1);
}

export interface Authority {
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads a Host header or an `:authority`: `example.org`, `user@example.org:8080`, `[::1]:8080`. */
export function parseAuthority(text: string): Authority {
  const hostAndPort = text.slice(text.lastIndexOf('@') + 1);
  const colon = hostAndPort.lastIndexOf(':');
  // In an IPv6 address without a port the last colon is inside of the brackets.
  if (colon === -1 || hostAndPort.includes(']', colon)) {
    return { host: cut(hostAndPort, MAX_ADDRESS_LENGTH), port: undefined };
  }
  const port = Number(hostAndPort.slice(colon + 1));
  const host = cut(hostAndPort.slice(0, colon), MAX_ADDRESS_LENGTH);
  return { host, port: Number.isInteger(port) ? port : undefined };
}
