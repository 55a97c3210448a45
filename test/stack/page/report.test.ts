/** The page that a report is, in a real Chromium: of what strangers write, on a phone and a laptop, light and dark, on paper. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { LAPTOP, PHONE } from './desk.ts';
import { exhibits, HOSTILE, hostile, NOW_MS } from './spans.ts';

const found = findChromium();
const skip = 'unavailable' in found ? found.unavailable : false;
const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'report-page-'));
const url = pathToFileURL(join(folder, 'report.html')).href;

describe('the page of a report', { skip }, () => {
  let browser: Browser;
  before(async () => {
    if (!('binary' in found)) return;
    browser = await launchChromium(found.binary);
    const lines = [...exhibits(folder), hostile(99, NOW_MS - 1_000)].map((request) =>
      JSON.stringify(request),
    );
    writeFileSync(join(folder, 'spans.jsonl'), `${lines.join('\n')}\n`);
    const args = [main, 'report', 'spans.jsonl', '--fail-on', 'none', '--output', 'report.html'];
    await promisify(execFile)(process.execPath, args, { cwd: folder });
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  async function withPage(
    options: { viewport: typeof PHONE; colorScheme: 'light' | 'dark'; bypassCSP?: boolean },
    look: (page: Page) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext(options);
    const [asked, errors]: [string[], string[]] = [[], []];
    context.on('request', (request) => asked.push(request.url()));
    context.on('weberror', (error) => errors.push(error.error().message));
    context.on('dialog', (dialog) => errors.push(dialog.message()));
    context.on('console', (message) => errors.push(message.text()));
    try {
      const page = await context.newPage();
      await page.goto(url);
      await look(page);
      assert.deepEqual([asked, errors], [[url], []]);
    } finally {
      await context.close();
    }
  }

  for (const [size, viewport] of Object.entries({ phone: PHONE, laptop: LAPTOP })) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`fits a ${size}, ${colorScheme}, and can be read by everybody`, async () => {
        await withPage({ viewport, colorScheme, bypassCSP: true }, async (page) => {
          assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
          const back = await page.evaluate('getComputedStyle(document.body).backgroundColor');
          assert.equal(back, colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(23, 24, 28)');
          await page.evaluate(axe);
          const { violations } = await page.evaluate<{
            violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
          }>('axe.run()');
          const said = violations.map(
            ({ id, nodes }) => `${id}: ${nodes[0]?.html}: ${nodes[0]?.failureSummary}`,
          );
          assert.deepEqual(said, []);
        });
      });
    }
  }

  it('shows what strangers wrote as text, and runs none of it', async () => {
    await withPage({ viewport: LAPTOP, colorScheme: 'light' }, async (page) => {
      const text = String(await page.evaluate('document.body.textContent'));
      assert.ok(text.includes(HOSTILE.markup));
      assert.equal(await page.locator('script, img, iframe, object, embed, link, a, form, base').count(), 0);
    });
  });

  it('is light on paper, and as wide as that', async () => {
    await withPage({ viewport: { width: 760, height: 1_000 }, colorScheme: 'dark' }, async (page) => {
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      assert.equal(
        await page.evaluate('getComputedStyle(document.body).backgroundColor'),
        'rgb(255, 255, 255)',
      );
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
    });
  });
});
