/**
 * Transcripts of the documentation, `$ command` and what it prints, and the files that they need: JavaScript whose
 * first line is a comment with a name. In what is printed `…` stands for anything, on a line of its own for any lines.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './pages.ts';

export interface Transcript {
  readonly command: string;
  readonly printed: readonly string[];
}

export function transcriptsIn(page: string): Transcript[] {
  const transcripts: { command: string; printed: string[] }[] = [];
  let isOpen = false;
  for (const line of page.split('\n')) {
    isOpen &&= line.startsWith('    ');
    if (line.startsWith('    $ ')) {
      transcripts.push({ command: line.slice(6), printed: [] });
      isOpen = true;
    } else if (isOpen) transcripts.at(-1)?.printed.push(line.slice(4));
  }
  return transcripts;
}

/** A folder with the package installed, and with the page's files. */
export class Folder {
  readonly path: string = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')));

  constructor(page: string) {
    const bin = join(this.path, 'node_modules', '.bin');
    mkdirSync(bin, { recursive: true });
    mkdirSync(join(this.path, 'node_modules', '@opentelemetry'));
    const name = 'opentelemetry-instrumentation-cancellation';
    symlinkSync(root, join(this.path, 'node_modules', name), 'junction');
    // npm makes the file executable, which it is not in dist/.
    const main = join(root, 'dist', 'cli', 'main.js');
    for (const command of [name, 'cancel-trace'])
      writeFileSync(join(bin, command), `#!/bin/sh\nexec node '${main}' "$@"\n`, { mode: 0o755 });
    const api = join('node_modules', '@opentelemetry', 'api');
    symlinkSync(join(root, api), join(this.path, api), 'junction');
    for (const [, block = ''] of page.matchAll(/^```js\n(.*?)^```/gms)) {
      const [, file] = /^\/\/ (\S+\.m?js):/.exec(block) ?? [];
      if (file !== undefined) writeFileSync(join(this.path, file), block);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }

  /** As a shell runs it; what it writes to either stream. */
  async run(command: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { PATH, HOME } = process.env;
    const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], {
      cwd: this.path,
      env: { PATH, HOME, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 30_000,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(child, 'close');
    return output;
  }
}

export function assertPrinted(output: string, printed: readonly string[]): void {
  const pattern = printed
    .map((line) => (line === '…' ? '(?:.*\\n)*' : `${line.split('…').map(literally).join('.*')}\n`))
    .join('');
  assert.match(output, new RegExp(`^${pattern}$`));
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
