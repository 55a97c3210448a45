import type { RuleCases } from './cases.ts';

const goesOn = (caller: string) => [
  { messageId: 'goesOn', data: { caller, look: `${caller}.throwIfAborted()` } },
];

export const checkAfterAwait: RuleCases = {
  rule: 'check-after-await',
  js: {
    valid: [
      // Looked at, or passed on.
      'async function all(items, { signal }) { for (const item of items) { signal.throwIfAborted(); await save(item); } }',
      'async function all(items, { signal }) { while (!signal.aborted) await save(items.pop()); }',
      'async function all(items, { signal }) { for (const item of items) await save(item, { signal }); }',
      'async function all(items, options) { options.signal.throwIfAborted(); for (const item of items) await save(item, options); }',
      'async function all(items, { signal }) { const both = AbortSignal.any([signal, stopped]); for (const item of items) await save(item, both); }',
      'async function all(items, { signal }) { const save = (item) => send(item, signal); for (const item of items) await save(item); }',
      'async function all(items, { signal }) { async function save(item) { await send(item, signal); } for (const item of items) await save(item); }',
      'class Work { async all(items, { signal }) { this.signal = signal; for (const item of items) await this.save(item); } }',
      // What ends with it.
      'async function all(url, { signal }) { const answer = await fetch(url, { signal }); for await (const part of answer.body) await save(part); }',
      'async function all(url, { signal }) { const { body } = await fetch(url, { signal }); const reader = body.getReader(); for (;;) { const { done } = await reader.read(); if (done) break; } }',
      'async function all(queue, { signal }) { queue.stopAt(signal); while (queue.size > 0) await queue.next(); }',
      // By a listener.
      "async function all(items, { signal }) { let left = false; signal.addEventListener('abort', () => { left = true; }, { once: true }); for (const item of items) { if (left) return; await save(item); } }",
      // Files, and a signal that is passed over on purpose.
      "import fs from 'node:fs/promises'; async function all(items, { signal }) { signal.throwIfAborted(); for (const item of items) await fs.writeFile(item.path, item.text); }",
      'async function all(items, { signal: _signal }) { for (const item of items) await save(item); }',
      // Nothing is awaited in it, or by somebody else.
      'async function all(items, { signal }) { signal.throwIfAborted(); for (const item of items) save(item); }',
      'async function all(items, { signal }) { signal.throwIfAborted(); for (const item of items) later.push(async () => { await save(item); }); }',
      // No signal, one of the operating system, one of nobody around.
      'async function all(items) { for (const item of items) await save(item); }',
      "process.on('SIGTERM', async (signal) => { console.log(signal); for (const item of items) await save(item); });",
      'function start(items, { signal }) { signal.throwIfAborted(); emitter.on("more", async () => { for (const item of items) await save(item); }); }',
    ],
    invalid: [
      {
        code: 'async function all(items, { signal }) { for (const item of items) await save(item); }',
        errors: goesOn('signal'),
      },
      {
        code: 'async function all(url, { signal }) { const items = await list(url, { signal }); for (const item of items) { await save(item); } }',
        errors: goesOn('signal'),
      },
      {
        code: 'async function all(queue, options) { options.signal.throwIfAborted(); while (queue.size > 0) await queue.next(); }',
        errors: goesOn('options.signal'),
      },
      {
        code: 'async function all(items, { signal }) { signal.throwIfAborted(); for (let at = 0; at < items.length; at++) { do { await save(items[at]); } while (items[at].isLeft); } }',
        errors: goesOn('signal'),
      },
      {
        code: 'async function all(lists, { signal }) { signal.throwIfAborted(); await Promise.all(lists.map(async (items) => { for (const item of items) await save(item); })); }',
        errors: goesOn('signal'),
      },
      {
        code: 'const all = async (rows, { abortSignal }) => { for await (const row of rows) await save(row); };',
        errors: goesOn('abortSignal'),
      },
    ],
  },
  ts: {
    valid: [
      'async function all(items: string[], signal: string) { for (const item of items) await save(item); } declare function save(item: string): Promise<void>;',
      // It has a signal among other things, which is not its matter.
      'async function all(items: string[], request: Request) { for (const item of items) await save(item); } declare function save(item: string): Promise<void>;',
    ],
    invalid: [
      {
        code: 'async function all(items: string[], cancelled?: AbortSignal) { for (const item of items) await save(item); } declare function save(item: string): Promise<void>;',
        errors: [{ messageId: 'goesOn', data: { caller: 'cancelled', look: 'cancelled?.throwIfAborted()' } }],
      },
    ],
  },
};
