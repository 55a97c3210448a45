/** The report of a file that does not fit the memory: it is read, and written aside, a piece at a time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { otlpLineOf, spanOf } from '../support/span-of.ts';

const MIB = 2 ** 20;
const TRACES = 50_000;
/** Of old objects. What is held of spans, some 48 MiB of text, and what is read at a time fit in; the file does not. */
const HEAP_MIB = 160;

const folder = mkdtempSync(join(tmpdir(), 'large-'));
after(() => rmSync(folder, { recursive: true }));

/** A request that was left, with a query that ran on: each span in a place of its own in the file. */
function spansOf(index: number): ExportedSpan[] {
  const server = spanOf(`${index}`, {
    attributes: {
      ...{
        'context.canceled': true,
        'cancel.initiator': 'peer',
        'cancel.trigger': 'disconnect',
        'http.route': '/orders',
      },
      'cancel.stacktrace': `at frame (/app/${'x'.repeat(800)}.js:1:1)`,
    },
    events: [{ name: 'context.canceled', timeMs: 1_050, attributes: {} }],
  });
  const work = spanOf(`${index}`, {
    ...{ parentSpanId: server.spanId, kind: 'internal', name: 'work after cancel' },
    attributes: { 'cancel.wasted_ms': 2, note: 'y'.repeat(800) },
  });
  return [server, work];
}

async function write(file: string): Promise<void> {
  const out = createWriteStream(file);
  let waiting: ExportedSpan[] = [];
  for (let index = 0; index < TRACES; index++) {
    const [server, work] = spansOf(index) as [ExportedSpan, ExportedSpan];
    waiting.push(work);
    // Its second span comes with those of 5 000 others: long after the first.
    const lines = [server, ...(waiting.length < 5_000 ? [] : waiting)].map(
      (span) => `${otlpLineOf([span])}\n`,
    );
    if (lines.length > 1) waiting = [];
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'close');
}

it('a report of more than fits the memory is whole', async () => {
  const file = join(folder, 'large.jsonl');
  await write(file);
  assert.ok(statSync(file).size > HEAP_MIB * MIB * 0.8, `${statSync(file).size / MIB} MiB`);
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const limited = (...args: string[]) =>
    spawnSync(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, ...args], { encoding: 'utf8' });
  const { status, stdout, stderr } = limited(main, 'report', file, '--json');
  assert.equal(status, 0, stderr.slice(0, 2_000));
  const { spanCount, traceCount, incoming, wastedMs, leftOut } = JSON.parse(stdout);
  assert.deepEqual(
    { spanCount, traceCount, incoming, wastedMs, leftOut },
    {
      ...{ spanCount: 2 * TRACES, traceCount: TRACES, wastedMs: 2 * TRACES, leftOut: [] },
      incoming: { count: TRACES, cancelledCount: TRACES },
    },
  );
  // Else the limit would say nothing: as a whole it does not fit.
  const whole = `const { readFileSync } = require('node:fs'); globalThis.all = readFileSync(${JSON.stringify(file)}, 'utf8').split('\\n').filter(Boolean).map((line) => JSON.parse(line));`;
  assert.match(limited('--eval', whole).stderr, /heap out of memory/);
});
