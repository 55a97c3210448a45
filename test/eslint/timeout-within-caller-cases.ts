import type { RuleTester } from 'eslint';
import type { RuleCases } from './cases.ts';

/** @param output what the suggestion makes of it, if there is one */
function alone(code: string, output?: string): RuleTester.InvalidTestCase {
  const suggestions = output === undefined ? [] : [{ messageId: 'combine', output }];
  return { code, errors: [{ messageId: 'alone', suggestions }] };
}

export const timeoutWithinCaller: RuleCases = {
  rule: 'timeout-within-caller',
  js: {
    valid: [
      'async function load(url, { signal }) { return await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(100)]) }); }',
      'async function load(url) { return await fetch(url, { signal: AbortSignal.timeout(100) }); }',
      // The signal ends something else, or what is around it.
      'async function load(url, { signal }) { try { await use(signal); } finally { await fetch(url, { signal: AbortSignal.timeout(100) }); } }',
      'async function load(url, { signal }) { return await retry(() => fetch(url, { signal: AbortSignal.timeout(100) }), { signal }); }',
      "async function load(url, { signal }) { signal.addEventListener('abort', stop, { once: true }); return await fetch(url, { signal: AbortSignal.timeout(100) }); }",
      'async function load(url, { signal }) { void fetch(url, { signal: AbortSignal.timeout(100) }); await use(signal); }',
      // As long, or of unknown length.
      'AbortSignal.any([AbortSignal.timeout(100), AbortSignal.timeout(ms)]);',
      'AbortSignal.any([AbortSignal.timeout(100), AbortSignal.timeout(100)]);',
      'AbortSignal.any([left, AbortSignal.timeout(100)]);',
      'AbortSignal.any(signals);',
      // Not the one of the platform.
      'function combine(AbortSignal) { AbortSignal.any([AbortSignal.timeout(100), AbortSignal.timeout(200)]); }',
    ],
    invalid: [
      alone(
        'async function load(url, signal) { signal.throwIfAborted(); return await fetch(url, { signal: AbortSignal.timeout(100) }); }',
        'async function load(url, signal) { signal.throwIfAborted(); return await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(100)]) }); }',
      ),
      // There may be none, of which AbortSignal.any() throws.
      alone(
        'async function load(url, { signal }) { return await fetch(url, { signal: AbortSignal.timeout(100) }); }',
      ),
      alone(
        'async function load(url, { signal: left }) { left?.throwIfAborted(); const limit = AbortSignal.timeout(100); return await fetch(url, { signal: limit }); }',
      ),
      {
        code: 'const limit = AbortSignal.timeout(60 * 1000); const LONG_MS = 90_000; AbortSignal.any([left, limit, AbortSignal.timeout(LONG_MS)]);',
        errors: [{ messageId: 'never', data: { ms: '90000', shorterMs: '60000' } }],
      },
    ],
  },
};
