/** Headers of requests, in whatever shape: to read them, and to add the trace context to a copy. */
import type { IncomingHttpHeaders } from 'node:http2';
import type { TextMapGetter } from '@opentelemetry/api';
import { http2 } from '../../hook/built-ins.ts';
import type { Host } from '../../host.ts';
import type { Operation } from '../../operation/operation.ts';

/** By lower-case name. */
export type Headers = Readonly<Record<string, unknown>>;

/**
 * Reads what is given to request(): an object or, in newer versions of Node, names and values in turn. Undefined for what Node refuses,
 * and for what throws when it is read: it will for Node, too.
 */
export function readHeaders(given: unknown): Headers | undefined {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null) return undefined;
  try {
    return headersIn(given);
  } catch {
    return undefined;
  }
}

function headersIn(given: object): Headers {
  const headers: Record<string, unknown> = Object.create(null);
  if (Array.isArray(given)) {
    for (let index = 0; index + 1 < given.length; index += 2) {
      headers[String(given[index]).toLowerCase()] = given[index + 1];
    }
  } else {
    for (const name of Object.keys(given)) headers[name.toLowerCase()] = (given as Headers)[name];
  }
  return headers;
}

function readHeader(given: unknown, name: string): unknown {
  return readHeaders(given)?.[name];
}

/**
 * A copy of what is given to request(), with the operation's trace context, and its deadline where the options say so. What cannot be
 * copied as it is, as Node does it.
 */
export function withContext(host: Host, operation: Operation, given: unknown): unknown {
  try {
    return copyWithContext(host, operation, given);
  } catch {
    return given;
  }
}

function copyWithContext(host: Host, operation: Operation, given: unknown): unknown {
  const told = host.tellDeadline(operation, given, readHeader);
  if (!Array.isArray(given)) {
    const copy: Record<string, unknown> = { ...(given as Headers | undefined) };
    host.inject(operation, copy, { set: setInObject });
    if (told !== undefined) setInObject(copy, told.name.toLowerCase(), told.value);
    return copy;
  }
  const copy: unknown[] = [...given];
  const sensitive: unknown = Reflect.get(given, http2.sensitiveHeaders);
  if (sensitive !== undefined) Reflect.set(copy, http2.sensitiveHeaders, sensitive);
  host.inject(operation, copy, { set: setInArray });
  if (told !== undefined) setInArray(copy, told.name.toLowerCase(), told.value);
  return copy;
}

function setInObject(headers: Record<string, unknown>, name: string, value: string): void {
  for (const key of Object.keys(headers)) {
    // HTTP/2 would send both.
    if (key.length === name.length && key.toLowerCase() === name) delete headers[key];
  }
  headers[name] = value;
}

function setInArray(headers: unknown[], name: string, value: string): void {
  // A name without a value, which Node does not send.
  if (headers.length % 2 === 1) headers.push(undefined);
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (String(headers[index]).toLowerCase() === name) headers.splice(index, 2);
  }
  headers.push(name, value);
}

export const incomingHeaders: TextMapGetter<IncomingHttpHeaders> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => headers[name.toLowerCase()],
};
