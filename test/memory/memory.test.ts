/**
 * Operations leave nothing behind: no memory, no listener, no open span. MEMORY_TEST_OPERATIONS says how
 * many there are; the default keeps the test short, and a release deserves 200000.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { scriptFile, scriptFlags } from '../support/script.ts';
import type { Report } from './workload.ts';

const workload = scriptFile('./workload.ts', import.meta.url);
const operations = Number(process.env.MEMORY_TEST_OPERATIONS ?? 20_000);
/** What a leak of 100 bytes an operation would leave of 200,000 is 16 MB; noise was seen up to 1.5 MB. */
const limitBytes = 4 * 1024 * 1024;

async function run(kind: string, total: number): Promise<Report> {
  const flags = ['--expose-gc', ...scriptFlags, workload, kind, String(total)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, flags);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Report;
}

const cases: [name: string, kind: string, share: number, spansEach: number][] = [
  ['HTTP requests with one shared signal, on one connection', 'http', 1, 2],
  ['gRPC calls on one channel', 'grpc', 0.5, 2],
  ['HTTP requests that are aborted, through any() of one shared signal', 'http-cancelled', 0.1, 2],
  ['gRPC calls that are cancelled', 'grpc-cancelled', 0.1, 2],
];

describe('memory', () => {
  for (const [name, kind, share, spansEach] of cases) {
    const total = Math.ceil(operations * share);
    it(`stays flat over ${total} ${name}`, async (test) => {
      const report = await run(kind, total);
      const { earlyBytes, lateBytes, listeners, started, ended, cancelled, connections, complaints } = report;
      const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
      test.diagnostic(
        `${total} operations: heap ${megabytes(earlyBytes)} MB after a fifth, ${megabytes(lateBytes)} MB at the end`,
      );
      assert.ok(lateBytes - earlyBytes < limitBytes, `heap grew from ${earlyBytes} to ${lateBytes} bytes`);
      assert.equal(listeners, 0, 'listeners on the shared signal');
      assert.equal(ended, started, 'every span that was started has ended');
      assert.deepEqual(complaints, []);
      if (kind === 'http') assert.equal(connections, 1);
      if (kind.endsWith('cancelled')) {
        // Node's HTTP/2 server closes the session of a client that resets more than a thousand streams,
        // and then once in a while: the call under way fails, and is no cancellation.
        assert.ok(cancelled >= total * spansEach * 0.99, `${cancelled} spans of ${total} operations`);
      } else {
        assert.equal(cancelled, 0);
        assert.equal(started, total * spansEach);
      }
    });
  }
});
