/** Requests on the wire under the spans that they are of: of a real program and its packets, in a real Chromium. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { captureTools } from '../../support/packet-capture.ts';
import { openDesk, PHONE, visit } from './desk.ts';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const program = fileURLToPath(new URL('wire-program.mjs', import.meta.url));
const run = promisify(execFile);
const found = findChromium();
const tools = captureTools();
const missing = [found, tools].find((part) => 'unavailable' in part);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ADDRESSES = '127\\.0\\.0\\.1:\\d+ → 127\\.0\\.0\\.1:\\d+';

describe('the wire on the page', { skip: missing?.unavailable ?? false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'page-wire-'));
  const recording = join(root, 'recording');
  const spans = join(recording, 'spans.jsonl');
  const packets = join(recording, 'capture.pcapng');
  let browser: Browser;
  before(async () => {
    if (!('binary' in found)) return;
    browser = await launchChromium(found.binary);
    const env = { ...process.env, OTEL_SERVICE_NAME: 'shop' };
    const command = ['record', '--capture', '--out', recording, '--', process.execPath, program];
    const { stdout } = await run(process.execPath, [main, ...command], { env, timeout: 60_000 });
    assert.equal(stdout.trim(), 'TimeoutError');
  });
  after(async () => {
    await browser?.close();
    rmSync(root, { recursive: true });
  });

  for (const [what, ...source] of [
    ['a recording', recording],
    ['spans and a capture', spans, '--capture', packets],
  ] as const) {
    it(`of ${what}, stands under the span that sent the request`, async () => {
      await onTrace(source, async (page) => {
        const waterfall = page.getByRole('region', { name: 'Waterfall' });
        const rows = waterfall.locator('ol > li.span');
        const call = rows.filter({ hasText: /^shop → shop\.Stock\/Watch/ });
        await call.locator('.on-wire').waitFor();
        const told = await call.locator('.on-wire').innerText();
        assert.match(told, RegExp(`^wire ${ADDRESSES}`));
        assert.match(
          told,
          /client set \d+ ms · the wire says \d+m · the server read \d+ ms · client gave up at \+\d+ ms · the reset left at \+\d+ ms · the server gave up at \+\d+ ms/,
        );
        assert.match(told, /client: request, grpc-timeout: \d+m = \d+ ms/);
        assert.match(told, /\d+ ms client: RST_STREAM CANCEL/);
        assert.match(told, /server: (the last of \d+ DATA frames|one DATA frame) after that: \d{4,} bytes/);
        assert.match(told, /connection: closed by the (client|server): FIN|the connection goes on/);
        const fetched = rows.filter({ hasText: /^shop → GET/ });
        assert.match(
          await fetched.innerText(),
          /client gave up at \+\d+ ms · the client closed the connection \(FIN\) at \+\d+ ms · the handler noticed at/,
        );
        assert.match(await fetched.innerText(), /client: closed the connection: FIN/);
        // Once, between the span of the client and that of the server.
        assert.equal(await waterfall.locator('.on-wire').count(), 2);
        // Beneath the trace there is the rest of a recording.
        const beneath = page.getByRole('region', { name: 'Timeline' }).getByRole('listitem');
        const isRecording = source.length === 1;
        if (isRecording) await beneath.filter({ hasText: /^stock event loop/ }).waitFor();
        assert.equal(await beneath.filter({ hasText: /^wire/ }).count(), isRecording ? 2 : 0);
        // In full it is told of either.
        await rows
          .filter({ hasText: /^stock ← shop\.Stock\/Watch/ })
          .getByRole('button')
          .click();
        const detail = page.getByRole('region', { name: 'Span shop.Stock/Watch' });
        await detail.getByRole('heading', { name: 'On the wire' }).waitFor();
        assert.match(await detail.innerText(), /client set \d+ ms · the wire says \d+m/);
        assert.match(await detail.innerText(), /client span: deadline_exceeded \(local, deadline\)/);
      });
    });
  }

  it('stands under the span of the server where that of the client is not there', async () => {
    const ofStock = join(root, 'stock.jsonl');
    const lines = readFileSync(spans, 'utf8').split('\n');
    writeFileSync(ofStock, lines.filter((line) => line.includes('"stringValue":"stock"')).join('\n'));
    await onTrace([ofStock, '--capture', packets], async (page) => {
      const rows = page.locator('ol > li.span').filter({ has: page.locator('.on-wire') });
      await rows.filter({ hasText: /^stock ← shop\.Stock\/Watch/ }).waitFor();
      assert.equal(await rows.count(), 1);
      assert.match(await rows.innerText(), /client: RST_STREAM CANCEL/);
    });
  });

  it('is neither there nor asked for without a capture', async () => {
    await onTrace([spans], async (page, asked) => {
      await page.getByRole('region', { name: 'Waterfall' }).waitFor();
      assert.equal(await page.locator('.on-wire').count(), 0);
      assert.ok(!asked.some((url) => url.endsWith('/timeline')));
    });
  });

  it('has names and contrast that everybody can do with, and fits', async () => {
    for (const options of [{}, { colorScheme: 'dark', viewport: PHONE }] as const) {
      await onTrace(
        [spans, '--capture', packets],
        async (page) => {
          await page.locator('.on-wire').first().waitFor();
          await page.evaluate(axe);
          const { violations } = await page.evaluate<{
            violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
          }>('axe.run()');
          const said = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
          assert.deepEqual(said, []);
          const widths = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
          assert.ok((widths[0] ?? 0) <= (widths[1] ?? 0), `${widths}`);
        },
        { bypassCSP: true, ...options },
      );
    }
  });

  it('says what it cannot read, or that nothing is in it', async () => {
    const none = join(root, 'none.pcap');
    // The head of a pcap alone.
    writeFileSync(none, Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'));
    for (const [args, error] of [
      [[spans, '--capture', join(root, 'absent.pcap')], /absent\.pcap/],
      [[spans, '--capture', spans], /spans\.jsonl/],
      [['--capture', none], /--capture needs a source of spans/],
      [
        [spans, '--capture', none],
        /none\.pcap: no request of HTTP\/1\.1 or HTTP\/2; of TLS, --keylog FILE decodes them/,
      ],
    ] as const) {
      const failed = await run(process.execPath, [main, 'view', '--port', '0', ...args], {
        timeout: 30_000,
      }).catch((error: { code: number; stderr: string }) => error);
      assert.equal('code' in failed && failed.code, 2);
      assert.match(failed.stderr, error);
    }
  });

  /** Of the only trace. */
  async function onTrace(
    source: readonly string[],
    look: (page: Page, asked: readonly string[]) => Promise<void>,
    options = {},
  ): Promise<void> {
    const desk = await openDesk(...source);
    try {
      const answer = await fetch(`${desk.url}/api/traces`);
      const { traces } = (await answer.json()) as { traces: { traceId: string }[] };
      assert.equal(traces.length, 1);
      const { page, context, errors, asked } = await visit(
        browser,
        `${desk.url}/?trace=${traces[0]?.traceId}`,
        options,
      );
      await look(page, asked);
      // Source that is not below the folder of the command is not shown.
      assert.deepEqual(
        errors.filter((error) => !/status of 404/.test(error)),
        [],
      );
      await context.close();
    } finally {
      await desk.close();
    }
  }
});
