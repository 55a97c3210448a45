import type { Client, Options } from '../client-cases.ts';

/** On node:http. */
export const axios: Client = {
  name: 'axios',
  takesSignal: true,
  limit: { trigger: 'timeout', until: 'body' },
  cancelled: { outcome: 'context.canceled', reason: 'CanceledError: user left' },
  load: async (lab) => {
    const library = lab.require('axios') as typeof import('axios').default;
    return (url, options = {}) => {
      const source = library.CancelToken.source();
      const end = library.get(url, { ...toAxios(options), cancelToken: source.token }).catch(() => {});
      return { end, cancel: (reason) => source.cancel(reason) };
    };
  },
};

/** On fetch(). */
export const axiosFetch: Client = {
  name: 'axios with its fetch adapter',
  takesSignal: true,
  limit: { trigger: 'signal_timeout', until: 'body' },
  load: async (lab) => {
    const library = lab.require('axios') as typeof import('axios').default;
    return (url, options = {}) => ({
      end: library.get(url, { ...toAxios(options), adapter: 'fetch' }).catch(() => {}),
    });
  },
};

function toAxios({ signal, timeoutMs }: Options): { signal?: AbortSignal; timeout?: number } {
  return { ...(signal && { signal }), ...(timeoutMs && { timeout: timeoutMs }) };
}
