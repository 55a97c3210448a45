/** Trace context in HTTP headers. */

import type { IncomingHttpHeaders } from 'node:http';
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { OutgoingRequest } from './internals.ts';

export const requestHeaders: TextMapSetter<OutgoingRequest> = {
  set(request, name, value) {
    if (request._header === null) request.setHeader(name, value);
    else addToHead(request, name, value);
  },
};

/** @param name in lower case */
export function readHeader(request: OutgoingRequest, name: string): unknown {
  const head = request._header;
  // Headers given as an array are in the head only.
  if (head === null) return request.getHeader(name);
  return head
    .split('\r\n')
    .find((line) => line.toLowerCase().startsWith(`${name}: `))
    ?.slice(name.length + 2);
}

export const incomingHeaders: TextMapGetter<IncomingHttpHeaders> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => headers[name.toLowerCase()],
};

/**
 * Headers given as an array make the head at once, in the constructor. It can still be completed, because
 * it is sent only with the first byte of the body; but not with `Expect: 100-continue`, which sends it.
 */
function addToHead(request: OutgoingRequest, name: string, value: string): void {
  const head = request._header;
  if (head === null || request._headerSent || !head.endsWith('\r\n\r\n')) return;
  request._header = `${head.slice(0, -2)}${name}: ${value}\r\n\r\n`;
}
