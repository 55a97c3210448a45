/** What Perfetto's trace processor makes of a timeline: nothing is dropped, and what belongs together is together. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { findPerfetto, openInPerfetto, type Perfetto } from '../../support/perfetto.ts';
import { exhibits, HOSTILE, NOW_MS, traceOf } from '../page/spans.ts';

const chromium = findChromium();
const perfetto = findPerfetto();
const skip =
  'unavailable' in chromium ? chromium.unavailable : 'unavailable' in perfetto && perfetto.unavailable;

/** What strangers write. */
const odd = traceOf(
  900,
  NOW_MS,
  ['\\', 'a\\\\', '"', '\\"', '\n\u2028', '🦄', ...Object.values(HOSTILE)].map((name) => ({
    ...{ service: name, name, kind: 'server', from: 0, to: 1, attributes: { [name]: name } },
  })),
);

describe('Perfetto', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfetto-'));
  let browser: Browser;
  let opened: Perfetto;
  before(async () => {
    if (!('binary' in chromium) || !('folder' in perfetto)) return;
    browser = await launchChromium(chromium.binary);
    const spans = join(folder, 'spans.jsonl');
    writeFileSync(
      spans,
      [...exhibits('/app'), odd].map((request) => `${JSON.stringify(request)}\n`).join(''),
    );
    const out = join(folder, 'timeline.json');
    const output = { write: () => {} };
    assert.equal(
      await runCommandLine(['timeline', spans, '--out', out], { stdout: output, stderr: output }),
      0,
    );
    opened = await openInPerfetto(browser, perfetto.folder, out);
  });
  after(async () => {
    await opened?.close();
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it('drops nothing and corrects nothing', async () => {
    const complaints = await opened.query(
      "select name, value from stats where severity != 'info' and value > 0",
    );
    assert.deepEqual(complaints, []);
    const [count] = await opened.query(
      "select count(distinct extract_arg(arg_set_id, 'args.span id')) as spans from slice where category like 'span%' or category = 'for-nobody'",
    );
    assert.equal(count?.spans, String(129 + odd.resourceSpans.length));
  });

  it('has each service as a process, its operations as tracks', async () => {
    const rows = await opened.query(
      "select process.name as service, thread.name as track from thread join process using(upid) where thread.name like '← %' group by 1, 2 order by 1, 2",
    );
    assert.ok(
      rows.some(({ service, track }) => service === 'stock' && track === '← GET /stock/:item'),
      JSON.stringify(rows),
    );
  });

  it('binds the arrows to the instants of the cancels', async () => {
    const rows = await opened.query(
      'select out.name as canceller, into_.name as cancelled from flow join slice out on out.id = slice_out join slice into_ on into_.id = slice_in',
    );
    assert.ok(rows.length >= 3);
    for (const row of rows) assert.deepEqual(row, { canceller: 'canceled', cancelled: 'canceled' });
  });
});
