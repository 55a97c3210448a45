import type { RuleTester } from 'eslint';
import type { RuleCases } from './cases.ts';

const timer = "new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 500))";

function raced(code: string, call: string): RuleTester.InvalidTestCase {
  return { code, errors: [{ messageId: 'race', data: { call, key: 'signal' } }] };
}

export const noTimeoutRace: RuleCases = {
  rule: 'no-timeout-race',
  js: {
    valid: [
      'async function load(url) { return await fetch(url, { signal: AbortSignal.timeout(500) }); }',
      // It has a signal, which somebody aborts.
      `async function load(url, controller) { return await Promise.race([fetch(url, { signal: controller.signal }), ${timer}]); }`,
      // Nothing that could be ended.
      `async function load() { return await Promise.race([compute(), ${timer}]); }`,
      `function limit(work) { return Promise.race([work, ${timer}]); }`,
      // Whoever is first.
      "async function load() { return await Promise.race([fetch('http://a'), fetch('http://b')]); }",
      // It goes on, as is meant: what it waited for comes later, or from elsewhere.
      'async function load(url, cached) { return await Promise.race([fetch(url), new Promise((resolve) => setTimeout(() => resolve(cached), 500))]); }',
      // No timer.
      "async function load(url) { return await Promise.race([fetch(url), new Promise((_, reject) => emitter.on('error', reject))]); }",
      `async function load(url) { return await Promise.all([fetch(url), ${timer}]); }`,
      `const Promise = own; async function load(url) { return await Promise.race([fetch(url), ${timer}]); }`,
    ],
    invalid: [
      raced(`async function load(url) { return await Promise.race([fetch(url), ${timer}]); }`, 'fetch'),
      raced(
        `async function load(url) { return await Promise.race([${timer}, fetch(url).then((answer) => answer.json())]); }`,
        'fetch',
      ),
      raced(
        `async function load(url) { const loading = fetch(url); const late = new Promise((resolve, reject) => { setTimeout(reject, 500, 'late'); }); return await Promise.race([loading, late]); }`,
        'fetch',
      ),
      raced(
        `const late = (ms) => new Promise((_, reject) => { const timer = setTimeout(() => { reject(new Error('late')); }, ms); timer.unref(); });
        async function load(url) { return await Promise.race([fetch(url), late(500)]); }`,
        'fetch',
      ),
      raced(
        `import axios from 'axios'; async function show() { const { data } = await axios.get('/a'); return data; }
        async function load() { return await Promise.race([show(), ${timer}]); }`,
        'axios.get',
      ),
      raced(
        `import { setTimeout } from 'node:timers/promises';
        const load = (url) => Promise.race([fetch(url), setTimeout(500).then(() => { throw new Error('late'); })]);`,
        'fetch',
      ),
    ],
  },
};
