import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { eventually } from '../../support/jaeger-query.ts';
import { otlpLineOf, spanOf } from '../../support/span-of.ts';

const found = await findOrBuildJaeger();
const skip = 'unavailable' in found ? found.unavailable : false;
const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const TRACES = 730;

test('a real Jaeger that has more traces than it answers at once is read whole, of any time', {
  skip,
}, async (t) => {
  const jaeger = await startJaeger((found as { binary: string }).binary);
  t.after(() => jaeger.stop());
  const startMs = Date.now() - 3 * 3_600_000;
  // A crowd within 70 ms, and one trace a minute.
  const traces = Array.from({ length: TRACES }, (_, index) => {
    const name = (index + 1).toString(16);
    const atMs = startMs + (index < 700 ? index / 10 : (index - 700) * 60_000);
    const server = spanOf(name, { startMs: atMs });
    return [server, spanOf(name, { startMs: atMs + 1, serviceName: 'stock', parentSpanId: server.spanId })];
  });
  const body = otlpLineOf(traces.flat());
  const headers = { 'content-type': 'application/json' };
  const { ok } = await fetch(`${jaeger.otlpHttpUrl}/v1/traces`, { method: 'POST', headers, body });
  assert.ok(ok);

  const report = (...args: string[]): Promise<{ spanCount: number; traceCount: number; leftOut: string[] }> =>
    new Promise((resolve, reject) => {
      const all = [main, 'report', jaeger.queryUrl, '--format', 'json', '--fail-on', 'none', ...args];
      execFile(process.execPath, all, { maxBuffer: 2 ** 26 }, (error, stdout) =>
        error === null ? resolve(JSON.parse(stdout)) : reject(error),
      );
    });
  const whole = await eventually(async () => {
    const made = await report('--since', '4h').catch(() => undefined);
    return made !== undefined && made.spanCount >= 2 * TRACES ? made : undefined;
  }, 'all traces');
  assert.deepEqual([whole.traceCount, whole.spanCount, whole.leftOut], [TRACES, 2 * TRACES, []]);
  // Of one service whole traces as well; of a time those that begin then.
  const ofOne = await report('--since', '4h', '--service', 'stock');
  assert.deepEqual([ofOne.traceCount, ofOne.spanCount], [TRACES, 2 * TRACES]);
  const minutes = new Date(startMs + 10.5 * 60_000).toISOString();
  assert.equal((await report('--since', '4h', '--until', minutes)).traceCount, 711);
});
