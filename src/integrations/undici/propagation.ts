/** Headers of a request, which can be added to until it is sent. */
import type { TextMapSetter } from '@opentelemetry/api';
import type { UndiciRequest } from './internals.ts';

export const requestHeaders: TextMapSetter<UndiciRequest> = {
  set(request, name, value) {
    // A proxy passes on what it was sent itself. Two of them are none for whoever reads them.
    if (Array.isArray(request.headers)) removeHeader(request.headers, name);
    if (typeof request.addHeader === 'function') request.addHeader(name, value);
    else if (Array.isArray(request.headers)) request.headers.push(name, value);
  },
};

/** @param name in lower case */
function removeHeader(headers: unknown[], name: string): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    const text = String(headers[index]);
    if (text.length === name.length && text.toLowerCase() === name) headers.splice(index, 2);
  }
}

/** By its name in lower case: undici keeps names and values in turn, in the application's spelling. */
export function readHeader({ headers }: UndiciRequest, name: string): unknown {
  if (!Array.isArray(headers)) return undefined;
  const index = headers.findIndex((text, at) => at % 2 === 0 && String(text).toLowerCase() === name);
  return index === -1 ? undefined : headers[index + 1];
}
