/**
 * Takes the pictures of the documentation, of real pages with the spans and metrics of the shop:
 *
 *   docker compose --profile shop up -d       # and wait for ten minutes: rates are over five
 *   node --import tsx tools/pictures.ts --jaeger http://localhost:16686 --prometheus http://localhost:9090
 *
 *   cancel-trace view                         # and the shop exporting there, for some minutes
 *   node --import tsx tools/pictures.ts --desk http://127.0.0.1:4318
 *
 *   cancel-trace record --out recording -- node test/stack/timeline/program.mjs blocked-server
 *   cancel-trace view recording
 *   node --import tsx tools/pictures.ts --recording http://127.0.0.1:4318
 *
 *   cancel-trace record --out wire -- node test/stack/page/wire-program.mjs
 *   cancel-trace view wire/spans.jsonl --capture wire/capture.pcapng
 *   node --import tsx tools/pictures.ts --wire http://127.0.0.1:4318
 *
 *   script -qec 'npx cancel-trace comply …' /dev/null | node --import tsx tools/pictures.ts --terminal cancel-trace-comply.png
 *
 * cancel-trace-beyond.png is beyond.png of test/stack/page/pictures, through pngquant.
 *
 * In Chromium, which is looked for at CHROMIUM (default /usr/bin/chromium). pngquant makes the pictures small; Debian has
 * both: `apt-get install chromium pngquant`. Look at each picture before you commit it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Convert from 'ansi-to-html';
import { type Browser, chromium, type Page } from 'playwright-core';

const folder = fileURLToPath(new URL('../docs/pictures/', import.meta.url));
const { values } = parseArgs({
  options: {
    jaeger: { type: 'string' },
    prometheus: { type: 'string' },
    desk: { type: 'string' },
    recording: { type: 'string' },
    wire: { type: 'string' },
    terminal: { type: 'string' },
  },
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  if (values.jaeger !== undefined) await drawJaeger(browser, values.jaeger);
  if (values.prometheus !== undefined) await drawPrometheus(browser, values.prometheus);
  if (values.desk !== undefined) await drawDesk(browser, values.desk);
  if (values.terminal !== undefined) await drawTerminal(browser, values.terminal, readFileSync(0, 'utf8'));
  if (values.recording !== undefined) await drawRecording(browser, values.recording);
  if (values.wire !== undefined) await drawWire(browser, values.wire);
} finally {
  await browser.close();
}

async function drawJaeger(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1380, height: 900 } });
  const tags = JSON.stringify({ 'context.canceled': 'true' });
  const query = new URLSearchParams({ service: 'gateway', lookback: '1h', limit: '20', tags });
  await page.goto(new URL(`/search?${query}`, url).href);
  await page.locator('a[href*="/trace/"] >> nth=3').waitFor();
  await page.getByText('Cancelled traces').hover();
  await page.getByRole('menuitem', { name: 'orders' }).waitFor();
  await save(page, 'jaeger-search.png', 640);

  await page.goto(new URL(`/trace/${await shortestTrace(url, '/checkout/sofa')}`, url).href);
  const row = page.locator('.span-row', { hasText: 'gateway shop.Orders/PlaceOrder' });
  await row.locator('.span-view').click();
  await page.mouse.move(0, 0);
  await page.getByText('Logs (1)').click();
  await page.getByText('Tags:').first().click();
  await save(page, 'jaeger-trace.png', 717);
  await page.close();
}

/** Of orders that the browser left. The machine may be busy with other things: the shortest tells most. */
async function shortestTrace(url: string, path: string): Promise<string> {
  const tags = JSON.stringify({ 'context.canceled': 'true', 'url.path': path });
  const query = new URLSearchParams({ service: 'gateway', lookback: '1h', limit: '200', tags });
  const answer = await fetch(new URL(`/api/traces?${query}`, url));
  const { data } = (await answer.json()) as { data: Trace[] };
  const [shortest] = data.filter(({ spans }) => spans.length === 6).sort((a, b) => lengthOf(a) - lengthOf(b));
  if (shortest === undefined) throw new Error(`${url} has no whole trace of ${path}: is the shop open?`);
  return shortest.traceID;
}

interface Trace {
  readonly traceID: string;
  readonly spans: readonly { readonly startTime: number; readonly duration: number }[];
}

function lengthOf({ spans }: Trace): number {
  const ends = spans.map(({ startTime, duration }) => startTime + duration);
  return Math.max(...ends) - Math.min(...spans.map(({ startTime }) => startTime));
}

/** What the dashboard asks, on Prometheus' own page. */
async function drawPrometheus(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1380, height: 960 } });
  const pictures = [
    { name: 'prometheus-lines.png', title: 'Lines that cancelled', tab: '1', height: 564 },
    { name: 'prometheus-initiators.png', title: 'Who cancelled', tab: '0', height: 940 },
  ];
  for (const { name, title, tab, height } of pictures) {
    const query = { 'g0.expr': expressionOf(title), 'g0.tab': tab, 'g0.range_input': '10m' };
    await page.goto(new URL(`/graph?${new URLSearchParams(query)}`, url).href);
    await page.waitForLoadState('networkidle');
    await save(page, name, height);
  }
  await page.close();
}

function expressionOf(title: string): string {
  const file = new URL('../deploy/grafana/dashboards/cancelled.json', import.meta.url);
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const expression = panels.find((panel) => panel.title === title)?.targets[0]?.expr;
  if (expression === undefined) throw new Error(`the dashboard has no panel ${title}`);
  return expression.replaceAll(/\$__range/g, '1h').replaceAll(/"\$\w+"/g, '".*"');
}

/** The page of the command, light and dark. */
async function drawDesk(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1380, height: 900 } });
  await page.goto(url);
  await page.getByRole('heading', { name: 'Lines that cancel most' }).waitFor();
  await save(page, 'cancel-trace-now.png', 700);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(new URL('/?view=traces&operation=/delivery/sofa&outcome=deadline_exceeded', url).href);
  const row = page.getByRole('row').filter({ hasText: 'estimateDelivery' }).first();
  await row.getByRole('link', { name: 'browser GET /delivery/sofa' }).click();
  await page.locator('pre.source').waitFor();
  await save(page, 'cancel-trace-trace.png', 820);
  await page.close();
}

/** A trace with what was recorded at the same time. */
async function drawRecording(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1380, height: 900 } });
  await page.goto(new URL('/?view=traces&outcome=deadline_exceeded', url).href);
  await page.locator('a[href*="trace="]').first().click();
  await page.getByRole('region', { name: 'Timeline' }).locator('.recorded-bar').first().waitFor();
  await save(page, 'cancel-trace-timeline.png', 780);
  await page.close();
}

/** A trace with its requests on the wire under their spans. */
async function drawWire(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1380, height: 1_200 } });
  await page.goto(new URL('/?view=traces', url).href);
  await page.locator('a[href*="trace="]').first().click();
  await page.locator('.on-wire').first().waitFor();
  const { y = 0, height = 0 } = (await page.getByRole('region', { name: 'Waterfall' }).boundingBox()) ?? {};
  await save(page, 'cancel-trace-wire.png', Math.ceil(y + height) + 8);
  await page.close();
}

/** @param text what was written to a terminal, with its colours */
async function drawTerminal(browser: Browser, name: string, text: string): Promise<void> {
  const colors = { 1: '#a8201a', 2: '#0f7b3f', 3: '#8a5a00' };
  const convert = new Convert({ fg: '#1b1b1f', bg: '#fff', escapeXML: true, colors });
  const html = convert.toHtml(text.split('\n').map(lastWritten).join('\n').trimEnd());
  const page = await browser.newPage({ viewport: { width: 1380, height: 900 } });
  await page.setContent(
    `<pre style="margin: 16px; width: max-content; font: 13px/1.5 monospace">${html}</pre>`,
  );
  const { width = 0, height = 0 } = (await page.locator('pre').boundingBox()) ?? {};
  await page.setViewportSize({ width: Math.ceil(width) + 56, height: Math.ceil(height) + 32 });
  await save(page, name, Math.ceil(height) + 32);
  await page.close();
}

/** What stands on a line at the end: progress is written over. */
function lastWritten(line: string): string {
  return (
    line
      .replaceAll('\x1b[K', '\r')
      .split('\r')
      .findLast((written) => written !== '') ?? ''
  );
}

async function save(page: Page, name: string, height: number): Promise<void> {
  await page.waitForTimeout(1_000); // until what moves has come to rest
  const { width = 0 } = page.viewportSize() ?? {};
  const path = folder + name;
  await page.screenshot({ path, clip: { x: 0, y: 0, width, height } });
  execFileSync('pngquant', ['--force', '--ext=.png', '--strip', '--speed=1', path]);
  console.log(`docs/pictures/${name}`);
}
