import type { Client } from '../client-cases.ts';

export const got: Client = {
  name: 'got',
  takesSignal: true,
  limit: { trigger: 'timeout', until: 'body' },
  cancelled: { outcome: 'context.canceled' },
  load: async () => {
    const { got: library } = await import('got');
    return (url, { signal, timeoutMs } = {}) => {
      const promise = library(url, {
        retry: { limit: 0 },
        ...(signal && { signal }),
        ...(timeoutMs && { timeout: { request: timeoutMs } }),
      });
      return { end: promise.catch(() => {}), cancel: () => promise.cancel() };
    };
  },
};

export const gotStream: Client = {
  name: 'a stream of got',
  takesSignal: true,
  limit: { trigger: 'timeout', until: 'body' },
  cancelled: { outcome: 'context.canceled' },
  load: async () => {
    const { got: library } = await import('got');
    return (url, { signal, timeoutMs } = {}) => {
      const stream = library.stream(url, {
        retry: { limit: 0 },
        ...(signal && { signal }),
        ...(timeoutMs && { timeout: { request: timeoutMs } }),
      });
      stream.on('error', () => {}).resume();
      const end = new Promise((resolve) => stream.on('end', resolve).on('close', resolve));
      return { end, cancel: () => stream.destroy() };
    };
  },
};
