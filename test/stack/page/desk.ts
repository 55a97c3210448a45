/** `cancel-trace view` with a clock that stands, and Chromium in front of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { NOW_MS, type Request } from './spans.ts';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** In which the command runs: its source may be shown. */
export const folder: string = fileURLToPath(new URL('.', import.meta.url)).replace(/\/$/, '');
const standingClock = `data:text/javascript,Date.now=()=>${NOW_MS}`;

export interface Desk {
  readonly url: string;
  send(...requests: Request[]): Promise<void>;
  close(): Promise<void>;
}

export function openDesk(...args: string[]): Promise<Desk> {
  return start(['--import', standingClock], args, folder);
}

/** With a clock that goes, for spans of programs that run. @param cwd in which their source is */
export function openLiveDesk(cwd: string): Promise<Desk> {
  return start([], [], cwd);
}

async function start(nodeOptions: readonly string[], args: readonly string[], cwd: string): Promise<Desk> {
  const options = ['view', '--port', '0', '--grpc-port', '0', '--json', ...args];
  const child: ChildProcess = spawn(process.execPath, [...nodeOptions, main, ...options], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout as never, 'data');
  const { url } = JSON.parse(line) as { url: string };
  return {
    url,
    async send(...requests) {
      const body = JSON.stringify({ resourceSpans: requests.flatMap(({ resourceSpans }) => resourceSpans) });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${url}/v1/traces`, { method: 'POST', headers, body });
      assert.deepEqual(await response.json(), {});
    },
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** A page, and all that was asked for by it and said by it. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly asked: string[];
  /** Errors, on the console or uncaught. */
  readonly errors: string[];
}

export const LAPTOP = { width: 1_280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    ...{ viewport: LAPTOP, locale: 'en-GB', timezoneId: 'UTC', reducedMotion: 'reduce' },
    ...options,
  });
  const asked: string[] = [];
  const errors: string[] = [];
  context.on('request', (request) => asked.push(request.url()));
  context.on('weberror', (error) => errors.push(error.error().message));
  context.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(url);
  await page.getByRole('status').waitFor();
  return { page, context, asked, errors };
}

/** Until it holds, or for ten seconds. */
export async function eventually(check: () => Promise<void>): Promise<void> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
