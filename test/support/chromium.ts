/**
 * A real Chromium: the one that a variable names, else the one on the PATH. `sudo bash .ci/chromium` installs Debian's.
 *
 *   CHROMIUM   use this one
 *   CI         set: a missing one is an error, no reason to leave tests out
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

export type FoundChromium = { binary: string } | { unavailable: string };

export function findChromium(): FoundChromium {
  const named = process.env.CHROMIUM;
  // A wrong path must not turn into skipped tests.
  if (named && !existsSync(named)) throw new Error(`CHROMIUM names no file: ${named}`);
  if (named) return { binary: named };
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const binary = folders.map((folder) => join(folder, 'chromium')).find((path) => existsSync(path));
  if (binary !== undefined) return { binary };
  const unavailable = 'no chromium on the PATH, and no CHROMIUM';
  if (process.env.CI) throw new Error(unavailable);
  return { unavailable };
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      ...['--font-render-hinting=none', '--disable-lcd-text'],
    ],
  });
}
