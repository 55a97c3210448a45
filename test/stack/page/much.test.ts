/** The page with much: 10,000 traces, one of 2,000 spans, and the shop as it runs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { openShop } from '../shop.ts';
import { openDesk, openLiveDesk, visit } from './desk.ts';
import { leftStock, NOW_MS, type Request, traceIdOf, traceOf } from './spans.ts';

const found = findChromium();
const skip = 'unavailable' in found ? found.unavailable : false;
const TRACES = 10_000;
const AT_A_TIME = 1_000;
const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

describe('the page', { skip }, () => {
  it('holds 10,000 traces, and one that is long', async () => {
    if (!('binary' in found)) return;
    const [browser, desk] = await Promise.all([launchChromium(found.binary), openDesk()]);
    try {
      for (let first = 1; first <= TRACES; first += AT_A_TIME)
        await desk.send(
          ...Array.from({ length: AT_A_TIME }, (_, index) => leftStock(first + index, NOW_MS - 60_000)),
        );
      await desk.send(longTrace(TRACES + 1));
      const { page, errors } = await visit(browser, `${desk.url}/?view=traces`);
      await page.getByText('10,000 traces, 1 to 200').waitFor();
      assert.equal(await page.locator('.traces tbody tr').count(), 200);
      await page.getByRole('link', { name: 'older' }).click();
      await page.getByText('10,000 traces, 201 to 400').waitFor();
      await page.getByRole('link', { name: 'newer' }).click();
      await page.getByText('10,000 traces, 1 to 200').waitFor();
      await page.getByRole('searchbox', { name: 'anything' }).fill(traceIdOf(4_711));
      await page.getByText('1 trace', { exact: true }).waitFor();
      await page.goto(`${desk.url}/?view=lines`);
      await page.getByText('No line of code cancelled anything yet.').waitFor();
      await page.goto(desk.url);
      await page.getByRole('row', { name: 'stock GET /stock/:item 10000 10000 100 %' }).waitFor();
      await page.goto(`${desk.url}/?trace=${traceIdOf(TRACES + 1)}`);
      const rows = page.getByRole('region', { name: 'Waterfall' }).getByRole('listitem');
      await page.getByRole('button', { name: 'show the other 1500' }).click();
      await rows.nth(1_999).waitFor();
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
      await desk.close();
    }
  });

  it('shows the shop as it runs, without a reload', async () => {
    if (!('binary' in found)) return;
    const [browser, desk] = await Promise.all([launchChromium(found.binary), openLiveDesk(root)]);
    const shop = await openShop(desk.url);
    try {
      const { page, errors, asked } = await visit(browser, desk.url);
      await page
        .getByRole('link', { name: /^estimateDelivery · examples\/shop\/gateway\.js:\d+$/ })
        .waitFor();
      await page
        .getByRole('row', { name: /^gateway POST \/checkout\/sofa/ })
        .getByRole('link')
        .click();
      await page.getByRole('link', { name: 'browser POST /checkout/sofa' }).first().click();
      await page
        .getByRole('heading', {
          name: /^browser destroyed it after \d+ ms: POST \/checkout\/sofa, at leaveCheckout/,
        })
        .waitFor();
      await page.locator('.source mark').filter({ hasText: 'destroy' }).waitFor();
      await page.getByRole('row', { name: /^↳? ?orders shop\.Orders\/PlaceOrder peer: reset/ }).waitFor();
      await page.getByRole('link', { name: 'Findings' }).click();
      await page.getByRole('region', { name: 'work_after_cancel' }).waitFor();
      assert.equal(shop.death(), undefined);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        asked.filter((url) => !url.startsWith(desk.url)),
        [],
      );
    } finally {
      await browser.close();
      await shop.stop();
      await desk.close();
    }
  });
});

function longTrace(number: number): Request {
  return traceOf(
    number,
    NOW_MS - 5_000,
    Array.from({ length: 2_000 }, (_, index) => ({
      ...{ service: 'batch', name: `step ${index}`, kind: 'internal' as const, from: index, to: index + 1 },
      ...(index > 0 && { parent: Math.floor((index - 1) / 10) }),
    })),
  );
}
