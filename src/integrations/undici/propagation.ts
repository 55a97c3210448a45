/** Headers of a request, which can be added to until it is sent. */
import type { TextMapSetter } from '@opentelemetry/api';
import type { UndiciRequest } from './exchange.ts';

export const requestHeaders: TextMapSetter<UndiciRequest> = {
  set(request, name, value) {
    if (typeof request.addHeader === 'function') request.addHeader(name, value);
    else if (Array.isArray(request.headers)) request.headers.push(name, value);
  },
};
