/** Why a deadline was missed: of real programs, recorded by `record`, and what Perfetto makes of one of these recordings. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { captureTools } from '../../support/packet-capture.ts';
import { findPerfetto, openInPerfetto } from '../../support/perfetto.ts';
import { assertFollowsRules, type TraceFile } from '../../support/trace-rules.ts';
import { openDesk, visit } from '../page/desk.ts';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const program = fileURLToPath(new URL('program.mjs', import.meta.url));
const run = promisify(execFile);
const tools = captureTools();
const chromium = findChromium();
const perfetto = findPerfetto();

interface Told {
  readonly printed: string;
  readonly sentences: readonly string[];
}

/** Of a program that was recorded with its packets. */
async function told(root: string, what: string): Promise<Told> {
  const folder = join(root, what);
  const env = { ...process.env, OTEL_SERVICE_NAME: 'shop' };
  const recorded = await run(
    process.execPath,
    [main, 'record', '--capture', '--out', folder, '--', process.execPath, program, what],
    { env, timeout: 60_000 },
  );
  const { stdout } = await run(process.execPath, [main, 'timeline', folder]);
  const lines = stdout.trimEnd().split('\n');
  const text = readFileSync(join(folder, 'timeline.json'), 'utf8');
  assertFollowsRules(JSON.parse(text) as TraceFile);
  return { printed: recorded.stdout.trim(), sentences: lines.slice(0, -1) };
}

const MISSED = 'shop → GET /stock missed its deadline of \\d+ ms: ';
const CASES: readonly [what: string, sentence: RegExp][] = [
  [
    'blocked-client',
    RegExp(`^${MISSED}.*the event loop of shop was blocked for .*, in hashFor \\(program\\.mjs:\\d+\\) \\(`),
  ],
  [
    'blocked-server',
    RegExp(`^${MISSED}the event loop of stock was blocked for .*, in hashFor \\(program\\.mjs:\\d+\\) \\(`),
  ],
  [
    'slow',
    RegExp(
      `^${MISSED}stock ← GET /stock was slow: it had the request for \\d+ ms of \\d+ ms, and its event loop turned\\.$`,
    ),
  ],
  [
    'slow-behind',
    RegExp(`^${MISSED}stock waited for stock → GET /warehouse, where stock ← GET /warehouse was slow: `),
  ],
  [
    'late-wire',
    RegExp(
      `^${MISSED}the wire was late: by the capture the request took \\d+ ms from 127\\.0\\.0\\.1:\\d+ by 127\\.0\\.0\\.1:\\d+ to 127\\.0\\.0\\.1:\\d+, the answer \\d+ ms back, of \\d+ ms\\.$`,
    ),
  ],
];

describe('why a deadline was missed', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const root = mkdtempSync(join(tmpdir(), 'verdicts-'));
  after(() => rmSync(root, { recursive: true }));

  for (const [what, sentence] of CASES) {
    it(what, async () => {
      const { printed, sentences } = await told(root, what);
      assert.equal(printed, 'TimeoutError');
      assert.equal(sentences.length, 1, sentences.join('\n'));
      assert.match(sentences[0] as string, sentence);
    });
  }

  it('nothing, of a program that is in time', async () => {
    const { printed, sentences } = await told(root, 'fine');
    assert.equal(printed, '7');
    assert.deepEqual(sentences, []);
  });

  it('Perfetto shows the cancel with its arrow, the FIN on the wire, and beneath it what the CPU did', async (context) => {
    if (!('binary' in chromium) || !('folder' in perfetto)) {
      context.skip('no Chromium or no Perfetto');
      return;
    }
    const browser = await launchChromium(chromium.binary);
    const opened = await openInPerfetto(
      browser,
      perfetto.folder,
      join(root, 'blocked-server', 'timeline.json'),
    );
    try {
      assert.deepEqual(
        await opened.query("select name from stats where severity != 'info' and value > 0"),
        [],
      );
      const [arrow] = await opened.query(
        'select a.ts as told_at, b.ts as heard_at from flow join slice a on a.id = slice_out join slice b on b.id = slice_in',
      );
      assert.ok(arrow !== undefined);
      const [seen] = await opened.query(
        `select count(*) as count from slice cpu join slice stall where cpu.name like 'hashFor (program.mjs:%' and stall.name = 'blocked'
         and stall.ts < ${arrow.told_at} and stall.ts + stall.dur > ${arrow.told_at} and cpu.ts < ${arrow.told_at} and cpu.ts + cpu.dur > ${arrow.told_at}`,
      );
      assert.ok(Number(seen?.count) > 0, 'at the cancel it was blocked, by that function');
      const told = await opened.query(
        "select extract_arg(arg_set_id, 'args.on the wire[0]') as sentence from slice where category = 'cancel' and name != 'cancel'",
      );
      // Of the span that gave up, and of that which noticed.
      assert.equal(told.length, 2);
      for (const { sentence } of told)
        assert.match(
          String(sentence),
          /client gave up at \+\d+ ms · the client closed the connection \(FIN\) at \+\d+ ms · the handler noticed at \+\d+ ms$/,
        );
      const [fin] = await opened.query(
        "select ts from slice where category = 'wire' and name like 'client: closed the connection: FIN'",
      );
      assert.ok(Math.abs(Number(fin?.ts) - Number(arrow.told_at)) < 200e6, `${fin?.ts} and ${arrow.told_at}`);
    } finally {
      await opened.close();
      await browser.close();
    }
  });

  it('the page shows the wire, stalls and CPU beneath a trace, and why it was late; nothing of that without a recording', async (context) => {
    if (!('binary' in chromium)) {
      context.skip(chromium.unavailable);
      return;
    }
    const folder = join(root, 'blocked-server');
    const [browser, recorded, spansAlone] = await Promise.all([
      launchChromium(chromium.binary),
      openDesk(folder),
      openDesk(join(folder, 'spans.jsonl')),
    ]);
    try {
      const { traces } = (await (await fetch(`${recorded.url}/api/traces`)).json()) as {
        traces: { traceId: string }[];
      };
      const path = `?trace=${traces[0]?.traceId}`;
      const { page, errors } = await visit(browser, `${recorded.url}/${path}`);
      const timeline = page.getByRole('region', { name: 'Timeline' });
      await timeline
        .getByText(/missed its deadline of \d+ ms: the event loop of stock was blocked/)
        .waitFor();
      const row = (name: RegExp) => timeline.getByRole('listitem').filter({ hasText: name });
      await row(
        /^wire 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+.*client: closed the connection: FIN, at/,
      ).waitFor();
      await row(/^stock event loop.*blocked: /).waitFor();
      await row(/^stock CPU.*hashFor \(program\.mjs:\d+\)/).waitFor();
      // Source that is not below the folder of the command is not shown.
      assert.deepEqual(
        errors.filter((error) => !/status of 404/.test(error)),
        [],
      );
      const other = await visit(browser, `${spansAlone.url}/${path}`);
      await other.page.getByRole('region', { name: 'Waterfall' }).waitFor();
      assert.equal(await other.page.getByRole('region', { name: 'Timeline' }).count(), 0);
      assert.ok(!other.asked.some((url) => url.endsWith('/timeline')));
    } finally {
      await browser.close();
      await Promise.all([recorded.close(), spansAlone.close()]);
    }
  });
});
