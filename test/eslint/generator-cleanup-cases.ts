import type { RuleCases } from './cases.ts';

const errors = [{ messageId: 'stays' }];

export const generatorCleanup: RuleCases = {
  rule: 'generator-cleanup',
  js: {
    valid: [
      'async function* parts(body) { const reader = body.getReader(); try { for (;;) { const { done, value } = await reader.read(); if (done) return; yield value; } } finally { await reader.cancel(); } }',
      'async function* rows(pool) { const client = await pool.connect(); try { yield* query(client); } finally { client.release(); } }',
      // Let go of before it yields, or held by somebody else.
      'async function* rows(pool) { const client = await pool.connect(); const rows = await query(client); client.release(); yield* rows; }',
      'async function* rows(pool) { const client = await pool.connect(); yield* query(client); }',
      'async function* parts(body) { const reader = body.getReader(); stopped.then(() => reader.cancel()); yield await reader.read(); }',
      // A stream is let go of by the loop that reads it.
      'async function* lines(file) { const stream = createReadStream(file); for await (const part of stream) yield part; }',
      // No yield while it is open, or no generator.
      'async function whole(body) { const reader = body.getReader(); return await reader.read(); }',
      'async function* parts(body) { yield 1; const reader = body.getReader(); await reader.read(); }',
      'async function* parts(body) { const read = async () => { const reader = body.getReader(); return await reader.read(); }; yield await read(); }',
    ],
    invalid: [
      {
        code: 'async function* parts(body) { const reader = body.getReader(); for (;;) { const { done, value } = await reader.read(); if (done) return; yield value; } }',
        errors,
      },
      {
        code: 'async function* rows(pool) { const client = await pool.connect(); for (const id of ids) yield await query(client, id); client.release(); }',
        errors,
      },
      {
        code: 'async function* ticks() { const timer = setInterval(tick, 100); while (isOn) yield await next(); clearInterval(timer); }',
        errors,
      },
      {
        code: "import { open } from 'node:fs/promises'; async function* parts(path) { const file = await open(path); try { yield await file.read(); } catch (error) { log(error); } await file.close(); }",
        errors,
      },
      {
        code: 'class Body { async *[Symbol.asyncIterator]() { const reader = this.stream.getReader(); yield await reader.read(); reader.releaseLock(); } }',
        errors,
      },
    ],
  },
  ts: {
    valid: [
      // The parser of ESLint's first 9 does not know it.
      'async function* rows(pool: Pool) { await using client = await pool.connect(); yield* query(client); }',
    ],
    invalid: [],
  },
};
