/** The page in a real Chromium: what each view shows, its filters, its keys, its names, and what strangers write. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { type Desk, eventually, folder, openDesk, PHONE, type Visit, visit } from './desk.ts';
import {
  cancelled,
  exhibits,
  HOSTILE,
  healthy,
  hostile,
  leftStock,
  NOW_MS,
  traceIdOf,
  traceOf,
} from './spans.ts';

const found = findChromium();
const skip = 'unavailable' in found ? found.unavailable : false;
const VIEWS = {
  Now: '',
  Traces: '?view=traces',
  Lines: '?view=lines',
  Deadlines: '?view=deadlines',
  Findings: '?view=findings',
  'Time beyond the deadline, by depth': '?view=deadlines&by=depth',
};
type Role = 'searchbox' | 'spinbutton' | 'combobox';
const NOT_FOUND = 'Failed to load resource: the server responded with a status of 404 (Not Found)';
const CHECKOUT = traceIdOf(3);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe('the page', { skip }, () => {
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

  async function withPage(path: string, look: (visit: Visit) => Promise<void>): Promise<void> {
    const visited = await visit(browser, `${desk.url}/${path}`);
    try {
      await look(visited);
      assert.deepEqual(visited.errors, []);
      const elsewhere = visited.asked.filter((url) => !url.startsWith(`${desk.url}/`));
      assert.deepEqual(elsewhere, [], 'it asks nobody else');
    } finally {
      await visited.context.close();
    }
  }

  it('Now: by initiator and outcome, routes, lines, work for nobody', async () => {
    await withPage('', async ({ page }) => {
      await page.getByRole('heading', { name: 'Last 5 minutes', level: 1 }).waitFor();
      await page.getByRole('img', { name: /by initiator: local 51, peer 3, inherited 1$/ }).waitFor();
      await page.getByRole('img', { name: /by outcome: canceled 5, deadline_exceeded 50$/ }).waitFor();
      const routes = page.getByRole('table').filter({ hasText: 'rate' });
      await routes.getByRole('row', { name: 'gateway POST /checkout/:item 1 1 100 %' }).waitFor();
      await page.getByRole('link', { name: /^leave · app\/checkout\.js:6$/ }).waitFor();
      await page.getByRole('listitem').filter({ hasText: '191 ms orders shop.Orders/Place' }).waitFor();
    });
  });

  it('one trace: the sentence, the clock, the hops, the stack with its source, what was pending', async () => {
    await withPage(`?trace=${CHECKOUT}`, async ({ page }) => {
      const sentence =
        'browser aborted its signal after 200 ms: POST /checkout/sofa, at leave · app/checkout.js:6 (“seen enough”).';
      await page.getByRole('heading', { name: sentence, exact: true }).waitFor();
      const waterfall = page.getByRole('region', { name: 'Waterfall' });
      assert.equal(await waterfall.getByRole('button').count(), 7);
      // Cancels are at 200, 203, 206 and 209 of 400 ms.
      assert.equal(await waterfall.locator('.instant').count(), 4);
      await waterfall
        .getByRole('button', {
          name: /^orders GET \/stock\/sofa client, took 369 ms, ended 190 ms after what it was for$/,
        })
        .waitFor();
      assert.equal(await waterfall.locator('.for-nobody').count(), 2);
      assert.match(await waterfall.innerText(), /told after 3\.2 ms/);
      const span = page.getByRole('region', { name: 'Span POST /checkout/sofa' });
      await span.getByText('controller.abort(new Error').waitFor();
      await span.getByText('2 of dependencies and Node').waitFor();
      const editor = span.getByRole('link', { name: `Open ${folder}/app/checkout.js in the editor` }).first();
      assert.equal(await editor.getAttribute('href'), `vscode://file${folder}/app/checkout.js:6:16`);
      const hops = await page
        .getByRole('table')
        .filter({ hasText: 'passes it on' })
        .getByRole('row')
        .allInnerTexts();
      assert.deepEqual(
        hops.slice(1).map((row) => row.split('\t').map((cell) => cell.replace('↳', '').trim())),
        [
          ['browser POST /checkout/sofa', 'itself: abort', '0.0 ms', '–', '✓', ''],
          ['gateway POST /checkout/sofa', 'peer: disconnect', '3.0 ms', '✓', '✓', ''],
          ['orders shop.Orders/Place', 'peer: reset', '9.0 ms', '✗', '✗', '191 ms'],
          ['stock GET /stock/sofa', 'not told', '', '–', '–', '190 ms'],
        ],
      );
      await page.getByRole('button', { name: /^gateway POST/ }).click();
      await page.getByText('shop.Orders/Place, for 188 ms').waitFor();
      assert.equal(new URL(page.url()).searchParams.get('span'), '0000000000000bba');
    });
  });

  it('a deadline: how much was left at each hop, as flags', async () => {
    await withPage(`?trace=${traceIdOf(107)}`, async ({ page }) => {
      await page
        .getByRole('heading', {
          name: /^A time limit of gateway for shop\.Orders\/Estimate passed after 290 ms/,
        })
        .waitFor();
      const rows = await page.getByRole('region', { name: 'Waterfall' }).getByRole('button').allInnerTexts();
      assert.match(rows[0] ?? '', /⚑ 150 ms left/);
      assert.match(rows[1] ?? '', /⚑ 146 ms left/);
      assert.equal(await page.locator('.flag').count(), 2);
      await page.getByText('150 ms were left at its start, it ended 140 ms after it').waitFor();
    });
  });

  it('a trace as Markdown', async () => {
    await withPage(`?trace=${CHECKOUT}`, async ({ page, context }) => {
      await context.grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByRole('button', { name: 'copy as Markdown' }).click();
      await page.getByRole('button', { name: 'copied' }).waitFor();
      const text = await page.evaluate<string>('navigator.clipboard.readText()');
      assert.match(text, /^\*\*browser aborted its signal after 200 ms/);
      assert.match(
        text,
        /^ {2}- gateway server POST \/checkout\/sofa 199 ms — \*\*canceled\*\* at 203 ms, peer, disconnect$/m,
      );
      assert.match(text, /^- `work_after_cancel`: the handler went on for 191 ms$/m);
    });
  });

  it('Lines, Deadlines and Findings', async () => {
    await withPage(VIEWS.Lines, async ({ page }) => {
      const line = page.getByRole('listitem').filter({ hasText: 'leave · app/checkout.js:6' });
      await line.getByText('“seen enough” 1×').waitFor();
      await line.getByRole('link', { name: '1 trace' }).click();
      await page.getByText('1 trace', { exact: true }).waitFor();
      assert.match(page.url(), /view=traces&origin=leave/);
      await page.getByRole('link', { name: 'Deadlines' }).click();
      const row = page.getByRole('row', { name: /^orders shop\.Orders\/Estimate \(server\) 25 of 60/ });
      await row.getByRole('img', { name: /^Missed in 25 of \d+ cells$/ }).waitFor();
      await page.getByRole('row', { name: /^orders Timeout 25 of 25/ }).waitFor();
      await page.getByRole('link', { name: 'Findings' }).click();
      const rule = page.getByRole('region', { name: 'work_after_cancel' });
      await rule.getByText('Stop when the request is cancelled').waitFor();
      await rule.getByRole('link', { name: 'orders shop.Orders/Place' }).click();
      await page.getByRole('button', { name: 'copy as Markdown' }).waitFor();
      await page.evaluate('window.isSame = true');
      await page.getByRole('link', { name: 'Now' }).click();
      await page.getByRole('heading', { name: 'Last 5 minutes' }).waitFor();
      assert.equal(await page.evaluate('window.isSame'), true, 'no view loads the page anew');
    });
  });

  it('the time beyond deadlines: by how long, by depth, and the traces in a cell', async () => {
    await withPage(VIEWS.Deadlines, async ({ page }) => {
      await page.getByRole('heading', { name: 'Time beyond the deadline' }).waitFor();
      const timeouts = page.getByRole('row', { name: /^orders Timeout [\d]+×/ });
      const cells = async () => (await timeouts.getByRole('link').allInnerTexts()).map((text) => text.trim());
      assert.deepEqual(await cells(), ['10× 60 ms', '5× 175 ms', '5× 700 ms', '5× 6500 ms']);
      await page.getByRole('row', { name: /^orders other 1× 190 ms/ }).waitFor();
      // A step of the keys at a time, as of all links.
      const byDepth = page.getByRole('link', { name: 'by depth' });
      await byDepth.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('columnheader', { name: 'depth 3–5' }).waitFor();
      assert.deepEqual(await cells(), ['25× 7435 ms']);
      assert.equal(await byDepth.getAttribute('aria-current'), 'true');
      await page.goBack();
      await page.getByRole('link', { name: '5× 175 ms: traces of orders Timeout, 10–100ms' }).click();
      await page.getByText('5 traces', { exact: true }).waitFor();
      await page.getByText('With time beyond the deadline: Timeout, 10–100ms.').waitFor();
      await page.getByRole('link', { name: 'clear' }).click();
      await page.getByText('27 traces', { exact: true }).waitFor();
    });
  });

  describe('a filter', () => {
    /** How it is set, what stands in the address then, and how many traces it finds; of 62 that are shown without any. */
    const filters: [role: Role, name: string, value: string, count: number][] = [
      ['searchbox', 'anything', 'blue lamp', 1],
      ['searchbox', 'operation', '/stock/', 2],
      ['searchbox', 'line', 'checkout.js:6', 1],
      ['spinbutton', 'at least, ms', '1000', 5],
      ['spinbutton', 'at most, ms', '100', 1],
      ['combobox', 'service', 'browser', 1],
      ['combobox', 'outcome', 'deadline_exceeded', 25],
      ['combobox', 'initiator', 'inherited', 1],
      ['combobox', 'trigger', 'disconnect', 2],
      ['combobox', 'finding', 'cancel_not_propagated', 1],
    ];
    const params: Record<string, string> = {
      anything: 'text',
      line: 'origin',
      'at least, ms': 'min',
      'at most, ms': 'max',
    };

    it('is in the address, and outlives a reload', async () => {
      await withPage(VIEWS.Traces, async ({ page }) => {
        for (const [role, name, value, count] of filters) {
          const control = page.getByRole(role, { name, exact: true });
          await page.getByText('27 traces', { exact: true }).waitFor();
          if (role === 'combobox') await control.selectOption(value);
          else await control.fill(value);
          await page.getByText(count === 1 ? '1 trace' : `${count} traces`, { exact: true }).waitFor();
          assert.equal(new URL(page.url()).searchParams.get(params[name] ?? name), value);
          await page.reload();
          await page.getByText(count === 1 ? '1 trace' : `${count} traces`, { exact: true }).waitFor();
          assert.equal(await control.inputValue(), value);
          await page.getByRole('link', { name: 'clear' }).click();
        }
        await page.getByLabel('healthy ones, too').check();
        await page.getByText('63 traces', { exact: true }).waitFor();
      });
    });

    it('goes and comes with back and forward; all of them together', async () => {
      await withPage(VIEWS.Traces, async ({ page }) => {
        const outcome = page.getByRole('combobox', { name: 'outcome' });
        await outcome.selectOption('canceled');
        await page.getByText('2 traces', { exact: true }).waitFor();
        await page.getByRole('combobox', { name: 'initiator' }).selectOption('local');
        await page.getByText('1 trace', { exact: true }).waitFor();
        await page.getByRole('combobox', { name: 'finding' }).selectOption('work_after_cancel');
        await page.getByText('No trace is like that.').waitFor();
        await page.goBack();
        await page.goBack();
        await page.getByText('2 traces', { exact: true }).waitFor();
        assert.equal(await page.getByRole('combobox', { name: 'initiator' }).inputValue(), '');
        await page.goForward();
        await page.getByText('1 trace', { exact: true }).waitFor();
        await page.getByRole('link', { name: 'browser POST /checkout/sofa' }).click();
        await page.getByRole('region', { name: 'Waterfall' }).waitFor();
        await page.goBack();
        await page.getByText('1 trace', { exact: true }).waitFor();
        assert.equal(await outcome.inputValue(), 'canceled');
      });
    });
  });

  it('is used by keys alone', async () => {
    await withPage('', async ({ page }) => {
      const focused = (): Promise<string> => page.evaluate('document.activeElement.innerText.trim()');
      const tabTo = async (text: string): Promise<void> => {
        for (let times = 0; times < 60 && !(await focused()).startsWith(text); times++)
          await page.keyboard.press('Tab');
        assert.ok((await focused()).startsWith(text), `${text} is reached`);
        const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
        assert.notEqual(outline, 'none', 'it is seen where one is');
      };
      await page.keyboard.press('Tab');
      assert.equal(await focused(), 'To the content');
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate('document.activeElement.id'), 'main');
      await page.goto(`${desk.url}/`);
      await tabTo('Traces');
      await page.keyboard.press('Enter');
      await tabTo('browser POST');
      await page.keyboard.press('Enter');
      await tabTo('browser →');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      assert.match(await focused(), /^gateway →/);
      await page.keyboard.press('End');
      assert.match(await focused(), /^orders · work after cancel/);
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page
        .getByRole('region', { name: 'Span POST /checkout/sofa' })
        .getByText('disconnect')
        .first()
        .waitFor();
    });
  });

  for (const [scheme, viewport] of [
    ['light', undefined],
    ['dark', PHONE],
  ] as const) {
    it(`has names and contrast that everybody can do with, and fits: ${scheme}${viewport ? ', on a phone' : ''}`, async () => {
      const options = { colorScheme: scheme, bypassCSP: true, ...(viewport && { viewport }) };
      const { page, context } = await visit(browser, desk.url, options);
      await context.addInitScript(axe);
      for (const path of [...Object.values(VIEWS), `?trace=${CHECKOUT}`]) {
        await page.goto(`${desk.url}/${path}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await eventually(async () => assert.equal(await page.getByText('Loading …').count(), 0));
        const { violations } = await page.evaluate<{
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
        }>('axe.run()');
        const said = violations.map(
          ({ id, nodes }) => `${id}: ${nodes[0]?.html}: ${nodes[0]?.failureSummary}`,
        );
        assert.deepEqual(said, [], path);
        const widths = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
        assert.ok((widths[0] ?? 0) <= (widths[1] ?? 0), `${path} is as wide as what it is in`);
      }
      await context.close();
    });
  }
});

describe('the page, with what strangers write', { skip }, () => {
  it('shows it as text', async () => {
    if (!('binary' in found)) return;
    const [browser, desk] = await Promise.all([launchChromium(found.binary), openDesk()]);
    try {
      await desk.send(hostile(9, NOW_MS - 1_000));
      for (const viewport of [undefined, PHONE]) {
        const { page, errors, asked, context } = await visit(browser, desk.url, viewport && { viewport });
        for (const path of [...Object.values(VIEWS), `?trace=${traceIdOf(9)}`]) {
          await page.goto(`${desk.url}/${path}`);
          await page.getByRole('heading', { level: 1 }).waitFor();
          await eventually(async () => assert.equal(await page.getByText('Loading …').count(), 0));
          assert.equal(await page.evaluate('window.wasRun'), undefined);
          assert.equal(await page.locator('#page img, #page script').count(), 0);
          await isInside(page, path);
        }
        assert.ok((await page.locator('h1').innerText()).includes(HOSTILE.markup));
        await page.getByText('All that it says').click();
        await page.getByText(HOSTILE.markup, { exact: true }).first().waitFor();
        const links = await page.getByRole('link').all();
        for (const link of links) await leadsNowhereElse(link, desk.url);
        // Its source is not shown.
        assert.deepEqual(new Set(errors), new Set([NOT_FOUND]));
        assert.deepEqual(
          asked.filter((url) => !url.startsWith(desk.url)),
          [],
        );
        await context.close();
      }
    } finally {
      await browser.close();
      await desk.close();
    }
  });
});

async function isInside(page: Page, path: string): Promise<void> {
  const [scroll = 0, inner = 0] = await page.evaluate<number[]>(
    '[document.documentElement.scrollWidth, innerWidth]',
  );
  assert.ok(scroll <= inner, `${path} is ${scroll} wide, in ${inner}`);
}

async function leadsNowhereElse(link: Locator, url: string): Promise<void> {
  const href = String(await link.getAttribute('href'));
  assert.ok(new URL(href, url).origin === url || href.startsWith('vscode:'), href);
}

describe('the page, live', { skip }, () => {
  it('shows what comes, without a reload, and says what had to make room, and that the program has ended', async () => {
    if (!('binary' in found)) return;
    const [browser, desk] = await Promise.all([launchChromium(found.binary), openDesk('--max-spans', '5')]);
    try {
      const { page } = await visit(browser, `${desk.url}/?view=traces`);
      const status = page.getByRole('status');
      await page.getByText('No trace is like that.').waitFor();
      await page.evaluate('window.isSame = true');
      await desk.send(leftStock(1, NOW_MS - 900));
      await page.getByRole('link', { name: 'stock GET /stock/lamp' }).waitFor();
      await status.filter({ hasText: 'listening · 1 span in 1 trace' }).waitFor();
      await desk.send(...[2, 3, 4].map((number) => leftStock(number, NOW_MS - 800)), healthy(5, NOW_MS));
      await page.getByText('4 traces', { exact: true }).waitFor();
      await desk.send(leftStock(6, NOW_MS), leftStock(7, NOW_MS));
      await status.filter({ hasText: '5 spans in 5 traces · the oldest 2 spans had to make room' }).waitFor();
      assert.equal(await page.evaluate('window.isSame'), true);
      await page.goto(`${desk.url}/?trace=${traceIdOf(1)}`);
      await page.getByText('no such trace is kept').waitFor();
      await desk.close();
      await status.filter({ hasText: 'has ended' }).waitFor();
    } finally {
      await browser.close();
    }
  });

  it('shows work that goes on for nobody, while it does', async () => {
    if (!('binary' in found)) return;
    const [browser, desk] = await Promise.all([launchChromium(found.binary), openDesk()]);
    const left = { service: 'stock', name: 'GET /stock/:item', kind: 'server', from: 0, to: 200 } as const;
    const work = (isOver: boolean) => {
      const pending = {
        name: 'SELECT',
        'cancel.pending.origin': `countShelves (${folder}/app/stock.js:34:35)`,
      };
      const said = {
        ...({
          service: 'stock',
          name: 'work goes on',
          kind: 'internal',
          parent: 0,
          from: 200,
          to: 300,
        } as const),
        attributes: { 'cancel.settled': isOver },
        events: [{ name: 'cancel.pending', at: 300, attributes: pending }],
      } as const;
      return traceOf(1, NOW_MS - 300, [
        { ...left, ...cancelled(200, ['peer', 'disconnect', 'handle']) },
        said,
      ]);
    };
    try {
      const { page } = await visit(browser, desk.url);
      await page.getByText('No handler says that it is at work').waitFor();
      await desk.send(work(false));
      const item = page.getByRole('listitem').filter({ hasText: 'stock GET /stock/:item since 07:59:59' });
      await item.getByText('waits for SELECT').waitFor();
      await item.getByText('countShelves · app/stock.js:34').waitFor();
      await page.getByRole('status').filter({ hasText: '1 span in 1 trace' }).waitFor();
      await desk.send(work(true));
      await page.getByText('No handler says that it is at work').waitFor();
    } finally {
      await browser.close();
      await desk.close();
    }
  });
});
