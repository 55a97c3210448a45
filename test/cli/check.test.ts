/** The command `check` over small projects: what it finds, what it leaves out and says so, and when it fails. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { root } from '../docs/pages.ts';
import { runCommand } from '../support/command.ts';
import { faultsOfSarif } from '../support/sarif.ts';
import { otlpLineOf, spanOf } from '../support/span-of.ts';

const parent = realpathSync(mkdtempSync(join(tmpdir(), 'check-')));
const startedIn = process.cwd();
after(() => {
  process.chdir(startedIn);
  rmSync(parent, { recursive: true });
});

const WRONG = `async function load(url) {
  const controller = new AbortController();
  return await fetch(url, { signal: controller.signal });
}
`;
const RIGHT = 'async function load(url, signal) {\n  return await fetch(url, { signal });\n}\n';

let count = 0;

/** A folder with these files, and with ESLint installed. */
function project(files: Readonly<Record<string, string>>, hasEslint = true): string {
  const folder = join(parent, `project-${++count}`);
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  if (hasEslint)
    symlinkSync(join(root, 'node_modules', 'eslint'), join(folder, 'node_modules', 'eslint'), 'junction');
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return folder;
}

async function check(folder: string, ...args: string[]) {
  process.chdir(folder);
  const { exitCode: status, stdout, stderr } = await runCommand('check', ...args);
  return { status, stdout, stderr: stderr.replace('opentelemetry-instrumentation-cancellation: ', '') };
}

async function filesFoundIn(folder: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await check(folder, '--json', ...args);
  const { findings } = JSON.parse(stdout).code as { findings: { file: string }[] };
  return findings.map(({ file }) => file).sort();
}

describe('check', () => {
  it('tells what no cancel reaches, with its line, and fails for it', async () => {
    const { status, stdout, stderr } = await check(project({ 'src/load.js': WRONG, 'src/right.js': RIGHT }));
    assert.deepEqual({ status, stderr }, { status: 1, stderr: '' });
    assert.match(
      stdout,
      /^src\/load\.js\n {2}2:22 {2}abort-controller-used\n {4}Nothing ever aborts `controller`/,
    );
    assert.match(stdout, /\n! abort-controller-used: 1 finding\n\n1 finding in 2 files\n$/);
  });

  it('passes where there is nothing to find', async () => {
    const ended = await check(project({ 'load.js': RIGHT }));
    assert.deepEqual(ended, { status: 0, stdout: '0 findings in 1 file\n', stderr: '' });
  });

  it('does not pass on nothing', async () => {
    for (const [files, ...paths] of [
      [{}],
      [{ 'dist/load.js': WRONG }, 'dist'],
      [{ 'README.md': '' }],
    ] as const) {
      const { status, stdout, stderr } = await check(project(files), ...paths);
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
      assert.equal(stderr, `${paths[0] ?? '.'}: no file to check\n`);
    }
  });

  it('says how to install ESLint where a project has none', async () => {
    const folder = project({ 'load.js': WRONG }, false);
    const { status, stdout, stderr } = await check(folder);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
    assert.equal(
      stderr,
      `ESLint is missing, which reads the code: npm install --save-dev eslint, in ${folder} or above\n`,
    );
  });

  it('refuses an ESLint that has no flat configuration', async () => {
    const folder = project(
      {
        'load.js': WRONG,
        'node_modules/eslint/package.json': '{"main":"index.js"}',
        'node_modules/eslint/index.js': 'exports.ESLint = class { static version = "8.57.1"; };',
      },
      false,
    );
    const { status, stderr } = await check(folder);
    assert.equal(status, 2);
    assert.equal(stderr, 'ESLint 8.57.1 is too old, 9 will do: npm install --save-dev eslint@latest\n');
  });

  it('leaves TypeScript out where nothing can read it, and says what to install', async () => {
    const left =
      '1 file of TypeScript: typescript-eslint is missing, which reads it: npm install --save-dev typescript-eslint typescript';
    const { status, stdout } = await check(project({ 'load.ts': WRONG, 'right.js': RIGHT }));
    assert.deepEqual(
      { status, stdout },
      { status: 0, stdout: `Left out\n  ${left}\n\n0 findings in 1 file\n` },
    );

    const alone = await check(project({ 'load.ts': WRONG }));
    assert.deepEqual(alone, { status: 2, stdout: '', stderr: `.: no file to check; left out: ${left}\n` });
  });

  it('says why a parser of TypeScript cannot be loaded', async () => {
    const text = 'throw new Error("TypeScript 7.0.2 is not supported\\nat …");';
    const folder = project({
      'load.ts': WRONG,
      'right.js': RIGHT,
      'node_modules/typescript-eslint/index.js': text,
    });
    const { status, stdout } = await check(folder);
    assert.equal(status, 0);
    assert.match(
      stdout,
      / 1 file of TypeScript: typescript-eslint cannot be loaded: TypeScript 7\.0\.2 is not supported\n/,
    );
  });

  it('tells what it cannot read, which is not passed, and looks at the rest', async () => {
    const broken = await check(project({ 'broken.js': 'const = 2;\n', 'right.js': RIGHT }));
    assert.equal(broken.status, 2);
    assert.match(broken.stdout, /^Cannot be read\n {2}broken\.js:1:7: Parsing error: Unexpected token/);

    const both = await check(project({ 'broken.js': 'const = 2;\n', 'load.js': WRONG }));
    assert.equal(both.status, 1);
    assert.match(
      both.stdout,
      /Cannot be read[\s\S]*! abort-controller-used: 1 finding\n\n1 finding in 1 file\n$/,
    );
  });

  it('reads CommonJS, JSX and shebangs', async () => {
    const folder = project({
      'cli.js': `#!/usr/bin/env node\nif (done) return;\n${WRONG}`,
      'old.cjs': `with (Math) max(1, 2);\n${WRONG}`,
      'page.jsx': `export const page = <p>{load()}</p>;\n${WRONG}`,
    });
    assert.deepEqual(await filesFoundIn(folder), ['cli.js', 'old.cjs', 'page.jsx']);
  });

  it('leaves out what is installed, built, or ignored by git', async (t) => {
    const files = {
      ...{ 'node_modules/other/load.js': WRONG, 'packages/a/dist/load.js': WRONG, 'load.min.js': WRONG },
      ...{ '.gitignore': '/generated\n', 'generated/load.js': WRONG, 'sub/generated/load.js': WRONG },
      ...{ 'sub/.gitignore': 'odd[[]1].js\n', 'sub/odd[1].js': WRONG, 'sub/odd1.js': WRONG },
    };
    const folder = project(files);
    if (spawnSync('git', ['init', '--quiet'], { cwd: folder }).status !== 0)
      return t.skip('git is not there');
    assert.deepEqual(await filesFoundIn(folder), ['sub/generated/load.js', 'sub/odd1.js']);
    assert.deepEqual(await filesFoundIn(join(folder, 'sub')), ['generated/load.js', 'odd1.js']);
  });

  it("heeds the comments in the code, and not the project's configuration", async () => {
    const folder = project({
      'eslint.config.js': 'throw new Error("not looked at");',
      'marked.js': WRONG.replace(
        '();\n',
        '(); // eslint-disable-line cancellation/abort-controller-used -- a test\n',
      ),
      'other.js': `/* eslint other/rule: error, no-undef: error */\n${RIGHT} undefinedName(); // eslint-disable-line semi`,
      'load.js': WRONG,
    });
    const { stdout } = await check(folder);
    assert.match(stdout, /^load\.js\n[\s\S]*\n1 finding in 4 files\n$/);
  });

  it('is SARIF, Markdown and JSON, which is a baseline', async () => {
    const folder = project({ 'src/a b.js': WRONG });
    const { status, stdout } = await check(folder, '--output', 'check.sarif,check.md,check.json');
    assert.equal(status, 1);
    assert.equal(stdout, 'check.sarif\ncheck.md\ncheck.json\n! abort-controller-used: 1 finding\n');
    const log = JSON.parse(readFileSync('check.sarif', 'utf8'));
    assert.equal(faultsOfSarif(log), undefined);
    const [{ ruleId, locations }] = log.runs[0].results;
    assert.equal(ruleId, 'abort-controller-used');
    assert.deepEqual(locations[0].physicalLocation, {
      artifactLocation: { uri: 'src/a%20b.js', uriBaseId: '%SRCROOT%' },
      region: { startLine: 2, startColumn: 22, endLine: 2, endColumn: 43 },
    });
    assert.match(
      readFileSync('check.md', 'utf8'),
      /^\*\*Failed:\*\*$[\s\S]*^- `src\/a b\.js:2`: `Nothing ever aborts/m,
    );

    writeFileSync('src/a b.js', `// Moved by a line.\n${WRONG}`);
    assert.equal((await check(folder, '--baseline', 'check.json')).status, 0);
    writeFileSync('src/other.js', WRONG);
    const more = await check(folder, '--baseline', 'check.json');
    assert.equal(more.status, 1);
    assert.match(
      more.stdout,
      /new: abort-controller-used[\s\S]*! abort-controller-used: 1 finding that the baseline does not have\n/,
    );
  });

  it('judges spans in the same go: one log of two runs, one exit code', async () => {
    const event = { name: 'cancel.finding', timeMs: 1_200 };
    const attributes = { 'cancel.finding.rule': 'late_operation', 'cancel.finding.detail': 'too late' };
    const spans = otlpLineOf([spanOf('1', { events: [{ ...event, attributes }] })]);
    const folder = project({ 'load.js': WRONG, 'spans.jsonl': `${spans}\n`, 'empty.jsonl': '' });
    const both = await check(folder, '--spans', 'spans.jsonl');
    assert.equal(both.status, 1);
    assert.match(
      both.stdout,
      /^load\.js[\s\S]*\n1 finding in 1 file\n\nlate_operation {2}1\n[\s\S]*! late_operation: 1 finding\n/,
    );

    const named = ['--spans', 'spans.jsonl', '--format', 'sarif', '--fail-on'];
    assert.equal((await check(folder, ...named, 'abort-controller-used')).status, 1);
    assert.equal((await check(folder, ...named, 'late_operation')).status, 1);
    assert.equal((await check(folder, ...named, 'work_after_cancel')).status, 0);
    const log = JSON.parse((await check(folder, ...named, 'none')).stdout);
    assert.equal(faultsOfSarif(log), undefined);
    const runs = log.runs as { results: { ruleId: string }[]; automationDetails: { id: string } }[];
    assert.deepEqual(
      runs.map(({ results }) => results[0]?.ruleId),
      ['abort-controller-used', 'late_operation'],
    );
    // Code scanning refuses two of one name.
    assert.equal(new Set(runs.map(({ automationDetails: { id } }) => id)).size, 2);

    const baseline = (await check(folder, '--spans', 'spans.jsonl', '--json')).stdout;
    writeFileSync('baseline.json', baseline);
    assert.equal((await check(folder, '--spans', 'spans.jsonl', '--baseline', 'baseline.json')).status, 0);
    assert.equal((await check(folder, '--spans', 'empty.jsonl')).status, 2);
  });

  it('is told nothing of spans without spans', async () => {
    const folder = project({ 'load.js': RIGHT });
    for (const [args, message] of [
      [['--max-wasted-ms', '5'], '--max-wasted-ms is about spans: it needs --spans'],
      [['--fail-on', 'late_operation'], '--fail-on: late_operation is found in spans: it needs --spans'],
      [
        ['--fail-on', 'abort-controler-used'],
        '--fail-on: no rule abort-controler-used (did you mean abort-controller-used?)',
      ],
    ] as const) {
      const { status, stderr } = await check(folder, ...args);
      assert.equal(status, 2);
      assert.ok(stderr.startsWith(message), stderr);
    }
    for (const [path, message] of [
      ['gone', 'no such file or folder'],
      ['..', `outside of ${folder}, where check was started`],
    ] as const) {
      const { status, stderr } = await check(folder, path);
      assert.deepEqual({ status, stderr }, { status: 2, stderr: `${path}: ${message}\n` });
    }
  });
});
