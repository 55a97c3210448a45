/**
 * The page as it looks: each view beside the picture that somebody has looked at. `PICTURES=write npm run test:stack -- pictures`
 * takes them anew, with pngquant. A picture that differs is left in the folder for temporary files, with what differs in red.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pixelmatch from 'pixelmatch';
import type { Browser } from 'playwright-core';
import { PNG } from 'pngjs';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { type Desk, eventually, folder, LAPTOP, openDesk, PHONE, visit } from './desk.ts';
import { exhibits, traceIdOf } from './spans.ts';

const found = findChromium();
const skip = 'unavailable' in found ? found.unavailable : false;
const pictures = join(folder, 'pictures');
/** Versions of Chromium smooth letters in their own way. */
const MOST_DIFFERENT = 0.005;
/** Of each pixel, from 0 to 1. */
const TOLERANCE = 0.2;
const FONTS = `* { font-family: 'DejaVu Sans' !important; }
  code, code *, pre, pre * { font-family: 'DejaVu Sans Mono' !important; }`;

describe('the page looks as it did', { skip }, () => {
  let browser: Browser;
  let desk: Desk;
  before(async () => {
    if (!('binary' in found)) return;
    [browser, desk] = await Promise.all([launchChromium(found.binary), openDesk()]);
    await desk.send(...exhibits(folder));
  });
  after(async () => {
    await browser?.close();
    await desk?.close();
  });

  for (const [name, path, colorScheme, viewport] of [
    ['now', '', 'light', LAPTOP],
    ['traces', '?view=traces', 'dark', LAPTOP],
    ['trace', `?trace=${traceIdOf(3)}`, 'light', LAPTOP],
    ['deadlines', '?view=deadlines', 'dark', LAPTOP],
    ['beyond', '?view=deadlines&by=depth', 'light', LAPTOP],
    ['beyond-phone', '?view=deadlines', 'light', PHONE],
    ['trace-phone', `?trace=${traceIdOf(3)}`, 'dark', PHONE],
    ['traces-phone', '?view=traces', 'light', PHONE],
  ] as const) {
    it(`${name}, ${colorScheme}`, async () => {
      const { page, context } = await visit(browser, desk.url, { colorScheme, viewport, bypassCSP: true });
      await context.addInitScript(
        `addEventListener('DOMContentLoaded', () => { const style = document.createElement('style'); style.textContent = ${JSON.stringify(FONTS)}; document.head.append(style); })`,
      );
      await page.goto(`${desk.url}/${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await eventually(async () => assert.equal(await page.getByText('Loading …').count(), 0));
      await page.waitForLoadState('load');
      if (name.startsWith('trace-') || name === 'trace')
        await page.getByRole('heading', { name: 'Stack' }).waitFor();
      if (name === 'trace') await page.locator('pre.source').waitFor();
      if (name.startsWith('beyond')) await page.locator('.beyond').last().scrollIntoViewIfNeeded();
      await page.evaluate('document.fonts.ready');
      await compare(name, await page.screenshot());
      await context.close();
    });
  }
});

async function compare(name: string, taken: Buffer): Promise<void> {
  const file = join(pictures, `${name}.png`);
  if (process.env.PICTURES === 'write') {
    mkdirSync(pictures, { recursive: true });
    writeFileSync(file, taken);
    execFileSync('pngquant', ['--force', '--ext=.png', '--strip', '--speed=1', file]);
    return;
  }
  assert.ok(existsSync(file), `${file} is there`);
  const expected = PNG.sync.read(readFileSync(file));
  const actual = PNG.sync.read(taken);
  const { width, height } = expected;
  assert.deepEqual([actual.width, actual.height], [width, height]);
  const difference = new PNG({ width, height });
  const count = pixelmatch(expected.data, actual.data, difference.data, width, height, {
    threshold: TOLERANCE,
  });
  const share = count / (width * height);
  if (share <= MOST_DIFFERENT) return;
  const place = mkdtempSync(join(tmpdir(), 'page-'));
  writeFileSync(join(place, `${name}.png`), taken);
  writeFileSync(join(place, `${name}-difference.png`), PNG.sync.write(difference));
  assert.fail(`${(100 * share).toFixed(1)} % of ${name} differ: see ${place}`);
}
