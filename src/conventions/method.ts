/** Request methods: the known ones name the span. */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
} from '@opentelemetry/semantic-conventions';
import { cut } from '../operation/cut.ts';
import { KNOWN_HTTP_METHODS } from '../operation/http-method.ts';
import { MAX_METHOD_LENGTH } from './lengths.ts';

/** What a span's name starts with. */
export function nameOfMethod(method: string): string {
  return KNOWN_HTTP_METHODS.has(method) ? method : 'HTTP';
}

/** Sets the method on `attributes` and returns the name of the span. */
export function describeMethod(method: string, attributes: Attributes): string {
  if (KNOWN_HTTP_METHODS.has(method)) {
    attributes[ATTR_HTTP_REQUEST_METHOD] = method;
  } else {
    attributes[ATTR_HTTP_REQUEST_METHOD] = '_OTHER';
    attributes[ATTR_HTTP_REQUEST_METHOD_ORIGINAL] = cut(method, MAX_METHOD_LENGTH);
  }
  return nameOfMethod(method);
}
