import type { RuleCases } from './cases.ts';

const stays = (signal: string) => [{ messageId: 'stays', data: { signal } }];

export const removeAbortListener: RuleCases = {
  rule: 'remove-abort-listener',
  js: {
    valid: [
      "function pause(ms, { signal }) { return new Promise((resolve, reject) => { const stop = () => reject(signal.reason); const timer = setTimeout(() => { signal.removeEventListener('abort', stop); resolve(); }, ms); signal.addEventListener('abort', stop, { once: true }); }); }",
      "async function load({ signal }) { const done = new AbortController(); signal.addEventListener('abort', stop, { once: true, signal: done.signal }); try { await work(); } finally { done.abort(); } }",
      "async function load({ signal }, options) { signal.addEventListener('abort', stop, options); await work(); }",
      // As long as the signal lives, on purpose.
      "function start(server, { signal }) { signal.addEventListener('abort', () => server.close()); }",
      "async function start(server, { signal }) { await server.listen(); signal.addEventListener('abort', () => server.close()); }",
      // Its own signal, which goes with it.
      "async function load() { const controller = new AbortController(); controller.signal.addEventListener('abort', stop); await work(controller); }",
      "async function load(request) { request.signal.addEventListener('abort', stop); await work(); }",
      "async function load(abortController) { abortController.signal.addEventListener('abort', () => stop()); await work(abortController.signal); }",
      // Whoever has it may take it off.
      "async function load({ signal }) { const stop = () => leave(); pending.set(1, { stop }); signal.addEventListener('abort', stop); await work(); }",
      "class Work { async load({ signal }) { signal.addEventListener('abort', this.stop); await work(); } }",
      // Something else.
      "async function load({ signal }) { signal.throwIfAborted(); button.addEventListener('abort', stop); await work(); }",
      "async function load({ signal }) { signal.addEventListener('change', stop); await work(); }",
    ],
    invalid: [
      {
        code: "function pause(ms, { signal }) { return new Promise((resolve, reject) => { const timer = setTimeout(resolve, ms); signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true }); }); }",
        errors: stays('signal'),
      },
      {
        code: "async function load(child, options) { options.signal?.addEventListener('abort', () => child.kill()); await ended(child); }",
        errors: stays('options.signal'),
      },
    ],
  },
  ts: {
    valid: [
      // The parser of ESLint's first 9 does not know it.
      "import { addAbortListener } from 'node:events'; async function load({ signal }: { signal: AbortSignal }) { using stopped = addAbortListener(signal, stop); await work(); }",
    ],
    invalid: [
      {
        code: "export function pause(ms: number, stopped?: AbortSignal) { return new Promise<void>((resolve) => { setTimeout(resolve, ms); stopped?.addEventListener('abort', () => resolve()); }); }",
        errors: stays('stopped'),
      },
    ],
  },
};
