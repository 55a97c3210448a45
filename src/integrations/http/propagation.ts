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
 * In the place of one that the application has given: a proxy passes on what it was sent itself.
 *
 * Headers given as an array make the head at once, in the constructor; it goes with the first byte of the body.
 * `Expect: 100-continue` sends it at once, too, which means that it waits for a socket.
 */
function addToHead(request: OutgoingRequest, name: string, value: string): void {
  const head = request._header;
  if (head === null || !head.endsWith('\r\n\r\n')) return;
  const lines = head.split('\r\n').filter((line) => !line.toLowerCase().startsWith(`${name}: `));
  lines.splice(-2, 0, `${name}: ${value}`);
  const completed = lines.join('\r\n');
  if (request._headerSent) {
    const [first] = request.outputData;
    if (typeof first?.data !== 'string' || !first.data.startsWith(head)) return;
    first.data = completed + first.data.slice(head.length);
    request.outputSize += completed.length - head.length;
  }
  request._header = completed;
}
