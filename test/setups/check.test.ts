/** The command `check` over TypeScript, with the typescript-eslint of a project. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { installedTools } from './support/cache.ts';

const tools = ['eslint@10.15.0', 'typescript-eslint@8.74.0', 'typescript@6.0.3'];
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'check-')));
const startedIn = process.cwd();
after(() => {
  process.chdir(startedIn);
  rmSync(folder, { recursive: true });
});

it('check reads TypeScript with types where a tsconfig.json has the file, and without them elsewhere', async () => {
  symlinkSync(installedTools('eslint', tools), join(folder, 'node_modules'), 'junction');
  const code = `export async function load(url: string): Promise<Response> {
  const controller = new AbortController();
  return await fetch(url, { signal: controller.signal });
}
`;
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'tsconfig.json'), '{"compilerOptions":{"strict":true},"include":["src"]}');
  for (const file of ['src/load.ts', 'src/page.tsx', 'script.mts']) writeFileSync(join(folder, file), code);
  writeFileSync(join(folder, 'src', 'types.d.ts'), 'export const a = ;');
  writeFileSync(join(folder, 'src', 'broken.ts'), 'const = 2;');
  process.chdir(folder);
  let stdout = '';
  const stream = { write: (text: string) => (stdout += text) };
  const status = await runCommandLine(['check'], { stdout: stream, stderr: stream });
  assert.equal(status, 1, stdout);
  for (const file of ['src/load.ts', 'src/page.tsx', 'script.mts'])
    assert.match(stdout, new RegExp(`^${file}\\n {2}2:22 {2}abort-controller-used$`, 'm'));
  assert.match(stdout, /^Cannot be read\n {2}src\/broken\.ts:1:\d+: Parsing error: /m);
  assert.match(stdout, /^Left out\n {2}the types of 1 file: they are in no tsconfig\.json$/m);
  assert.match(stdout, /^3 findings in 3 files, 2 of them with types$/m);
});
