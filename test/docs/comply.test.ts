/** docs/comply.md: the server that it shows, and what it is told of it, with other figures. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { commandsIn, readPage } from './pages.ts';
import { Folder } from './transcripts.ts';

const page = readPage('docs/comply.md');
const folder = new Folder(page);
const file = join(folder.path, 'slow.mjs');
writeFileSync(
  file,
  `${readFileSync(file, 'utf8').replace(/\.listen\(8080, '127\.0\.0\.1'\);/, ".listen(0, '127.0.0.1')")}.on('listening', function () {
  console.log(this.address().port);
});\n`,
);
const [settings, start] = commandsIn(page).filter((command) => /^(export|node) /.test(command));
const server = spawn('sh', ['-c', `${settings}\nexec ${start}`], {
  cwd: folder.path,
  env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
after(() => {
  server.kill();
  folder.remove();
});

describe('docs/comply.md', () => {
  // With the empty lines in it.
  const [, command = '', printed = ''] = /^ {4}\$ (.*)\n((?: {4}.*\n|\n)+)/m.exec(page) ?? [];

  it(command, async () => {
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    const output = await folder.run(command.replace('8080', String(port).trim()));
    assert.deepEqual(withoutFigures(output), withoutFigures(printed.replaceAll(/^ {4}/gm, '')));
  });
});

/** Columns are as wide as the figures in them. */
function withoutFigures(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/[\d.,]*\d(?: m?s\b)?/g, '#').replaceAll(/ {2,}/g, '  '));
}
