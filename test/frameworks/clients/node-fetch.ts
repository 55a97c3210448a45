import type { Client } from '../client-cases.ts';

export const nodeFetch: Client = {
  name: 'node-fetch',
  takesSignal: true,
  load: async () => {
    const { default: fetch } = await import('node-fetch');
    return (url, { signal } = {}) => ({
      end: fetch(url, { ...(signal && { signal }) })
        .then((response) => response.text())
        .catch(() => {}),
    });
  },
};
