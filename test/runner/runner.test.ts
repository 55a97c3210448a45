/** What runs the tests: no failure may get lost in it, and `npm test` builds nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programFiles } from '../stack/programs.ts';
import { compile } from './compile.ts';
import { filesByGroup } from './groups.ts';
import { type Ended, runAll } from './pool.ts';
import { Report } from './report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { outdir, reachableFrom } = await compile(root);
const folder = mkdtempSync(join(tmpdir(), 'runner-'));
after(() => rmSync(folder, { recursive: true }));

async function runText(text: string): Promise<Ended> {
  const program = join(folder, 'one.mjs');
  writeFileSync(program, `import { describe, it } from 'node:test';\n${text}`);
  const ends: Ended[] = [];
  await runAll([{ file: 'one.test.ts', setup: 'official last', program }], {
    outdir,
    concurrency: 2,
    limitMinutes: 0.05,
    onStart: () => {},
    onEnd: (ended) => ends.push(ended),
  });
  assert.equal(ends.length, 1);
  return ends[0] as Ended;
}

it('a test that passes, one that is left out and one that fails are told apart, each with its suites', async () => {
  const { tests, output, failure } = await runText(`
    import { env } from 'node:process';
    console.log(env.SETUP);
    describe('outer', () => describe('inner', () => {
      it('passes', () => {});
      it('is left out', { skip: 'no engine' }, () => {});
      it('fails', () => { throw new Error('for a reason'); });
    }));
    it('is at the top', () => {});`);
  const seen = tests
    .filter(({ isSuite }) => !isSuite)
    .map(({ names, leftOut, failure }) => [names.join('/'), leftOut, failure?.split('\n')[0]]);
  assert.deepEqual(seen, [
    ['outer/inner/passes', undefined, undefined],
    ['outer/inner/is left out', 'no engine', undefined],
    ['outer/inner/fails', undefined, 'Error: for a reason'],
    ['is at the top', undefined, undefined],
  ]);
  assert.deepEqual([output, failure], ['official last\n', undefined]);
});

it('a file that fails and passes when it is run again has passed; one that fails twice has failed', async (t) => {
  const once = await runText(`
    import { existsSync, writeFileSync } from 'node:fs';
    const mark = ${JSON.stringify(join(folder, 'mark'))};
    const isFirst = !existsSync(mark);
    writeFileSync(mark, '');
    it('passes the second time', () => { if (isFirst) throw new Error("the first time"); });`);
  const said: string[] = [];
  t.mock.method(process.stdout, 'write', (text: string) => said.push(text));
  const report = new Report(1, false);
  report.ended(once);
  assert.equal(report.hasFailed, true);
  const again = report.takeFailed();
  const settings = { outdir, concurrency: 1, limitMinutes: 0.05, onStart: () => {} };
  await runAll(again, { ...settings, onEnd: (ended) => report.ended(ended) });
  report.finish([]);
  t.mock.restoreAll();
  assert.equal(report.hasFailed, false);
  assert.match(said.join(''), /Error: the first time/);
  assert.match(said.join(''), /Failed at first, and was run again: one\.test\.ts, official last/);
  assert.match(said.join(''), /^# pass 1$/m);

  const twice = new Report(1, false);
  t.mock.method(process.stdout, 'write', () => true);
  twice.ended(await runText("it('fails', () => { throw new Error('for a reason'); });"));
  await runAll(twice.takeFailed(), { ...settings, onEnd: (ended) => twice.ended(ended) });
  t.mock.restoreAll();
  assert.equal(twice.hasFailed, true);
});

const failures: [what: string, text: string, failure: RegExp][] = [
  ['has no test', '', /^has no test$/],
  ['does not load', "await import('./nowhere.mjs');", /^its process ended with 1$/],
  ['ends its process', "it('a', () => process.exit(0));", /^has no test$/],
  [
    'ends its process with 3',
    "it('a', () => {}); it('b', () => process.exit(3));",
    /^its process ended with 3$/,
  ],
  ['is killed', "it('a', () => process.kill(process.pid, 'SIGKILL'));", /^its process ended with SIGKILL$/],
  [
    'hangs',
    "it('a', () => new Promise(() => setInterval(() => {}, 1_000)));",
    /^was not done within 0.05 minutes$/,
  ],
  ['throws late', "it('a', () => void setTimeout(() => { throw new Error('late'); }, 9));", /ended with 1$/],
];
for (const [what, text, expected] of failures) {
  it(`a file that ${what} fails`, async () => {
    assert.match((await runText(text)).failure ?? '', expected);
  });
}

it('what a test file leaves running ends with it, and all that it wrote is kept', async () => {
  const { output, failure } = await runText(`
    import { spawn } from 'node:child_process';
    const server = "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
    it('starts a server', async () => {
      const child = spawn(process.execPath, ['-e', server], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [port] = await new Promise((resolve) => child.stdout.once('data', (text) => resolve(String(text).split('\\n'))));
      console.log(port, 'x'.repeat(1_000_000));
      child.unref();
      child.stdout.destroy();
    });`);
  assert.equal(failure, undefined);
  const [port = ''] = output.split(' ');
  assert.equal(output.length, port.length + 1_000_002);
  await assert.rejects(once(connect(Number(port), '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
});

it('`npm test` builds nothing: what imports a program to build, or a tool to install, lies in test/stack', () => {
  const importing = (group: string): string[] =>
    (filesByGroup(join(root, 'test')).get(group) ?? []).filter((file) =>
      programFiles.some((program) => reachableFrom(join(root, 'test', file)).has(program)),
    );
  assert.deepEqual(importing('fast'), ['runner/runner.test.ts']); // itself
  assert.ok(importing('stack').length > 10, 'they are found');
});
