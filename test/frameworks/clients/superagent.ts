import type { Client } from '../client-cases.ts';

/** What is used here of the package's types, which @types/superagent would bring. */
interface Superagent {
  get(url: string): Promise<unknown> & { timeout(ms: number): unknown; abort(): unknown };
}

export const superagent: Client = {
  name: 'superagent',
  takesSignal: false,
  limit: { trigger: 'timeout', until: 'body' },
  cancelled: { outcome: 'context.canceled' },
  load: async (lab) => {
    const library = lab.require('superagent') as Superagent;
    return (url, { timeoutMs } = {}) => {
      const request = library.get(url);
      if (timeoutMs) request.timeout(timeoutMs);
      // abort() returns the request, which is a promise.
      return { end: request.then(() => {}).catch(() => {}), cancel: () => void request.abort() };
    };
  },
};
