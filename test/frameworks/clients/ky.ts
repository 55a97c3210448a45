import type { Client } from '../client-cases.ts';

/** On fetch(). */
export const ky: Client = {
  name: 'ky',
  takesSignal: true,
  limit: { trigger: 'signal_timeout', until: 'response' },
  load: async () => {
    const { default: library } = await import('ky');
    return (url, { signal, timeoutMs } = {}) => ({
      end: library(url, {
        retry: 0,
        ...(signal && { signal }),
        ...(timeoutMs && { timeout: timeoutMs }),
      })
        .text()
        .catch(() => {}),
    });
  },
};
