/** An application in TypeScript: the origin is a line of what its author wrote. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const fixture = fileURLToPath(new URL('./fixtures/shop.ts', import.meta.url));
const packageUrl = new URL('../../../dist/', import.meta.url).href;
const source = readFileSync(fixture, 'utf8').split('\n');
const lineOf = (code: string): number => source.findIndex((line) => line.includes(code)) + 1;

let folder: string;

function run(file: string, ...flags: string[]): { origin: string; stacktrace: string } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, file], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, PACKAGE_URL: packageUrl },
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe('the origin of an abort in TypeScript', () => {
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'source maps (test) ')));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    cpSync(fixture, join(folder, 'shop.ts'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function checkOrigin({ origin, stacktrace }: ReturnType<typeof run>): void {
    const [, functionName, file, line] = /^(.*?) \((.*):(\d+):\d+\)$/.exec(origin) ?? [];
    assert.match(String(functionName), /^(Shop\.)?leave$/);
    assert.equal(file, join(folder, 'shop.ts'));
    assert.equal(Number(line), lineOf('this.controller.abort('));
    const caller = lineOf('shop.leave({ id');
    assert.match(stacktrace, new RegExp(`^.*leave .*shop\\.ts.*\\n.*shop\\.ts:${caller}:\\d+`));
  }

  it('is its line in the .ts file, when it was compiled with source maps', () => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const flags = [
      '--sourceMap',
      '--noCheck',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--outDir',
      'compiled',
    ];
    const { status, stdout } = spawnSync(process.execPath, [tsc, '--ignoreConfig', ...flags, 'shop.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
    const compiled = join('compiled', 'shop.js');
    checkOrigin(run(compiled, '--enable-source-maps'));
    assert.match(run(compiled).origin, /^Shop\.leave \(.*shop\.js:\d+:\d+\)$/, 'without source maps');
  });

  it('is its line in the .ts file, under tsx', () => {
    checkOrigin(run('shop.ts', '--import', 'tsx'));
  });
});
