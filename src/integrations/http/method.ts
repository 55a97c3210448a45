/** Request methods: the known ones name the span, any other could be anything (RFC 9110, RFC 5789, QUERY draft). */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
} from '@opentelemetry/semantic-conventions';

const KNOWN_METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'QUERY',
]);

/** What a span's name starts with. */
export function nameOfMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : 'HTTP';
}

/** Sets the method on `attributes` and returns the name of the span. */
export function describeMethod(method: string, attributes: Attributes): string {
  if (KNOWN_METHODS.has(method)) {
    attributes[ATTR_HTTP_REQUEST_METHOD] = method;
  } else {
    attributes[ATTR_HTTP_REQUEST_METHOD] = '_OTHER';
    attributes[ATTR_HTTP_REQUEST_METHOD_ORIGINAL] = method;
  }
  return nameOfMethod(method);
}
