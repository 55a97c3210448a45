/** docs/ci.md: each command of the workflow runs, in order, as far as it does so without GitHub. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { faultsOfSarif } from '../support/sarif.ts';
import { commandsIn, readPage } from './pages.ts';
import { Folder } from './transcripts.ts';

const page = readPage('docs/ci.md');
const [, yaml = ''] = /^```yaml\n(.*?)^```/ms.exec(page) ?? [];
interface Step {
  readonly run?: string;
  readonly if?: string;
  readonly with?: Readonly<Record<string, string>>;
}
const workflow = parse(yaml) as { readonly jobs: { readonly cancels: { readonly steps: readonly Step[] } } };
const { steps } = workflow.jobs.cancels;

/** Answers two requests of three. The third is left, and its handler listens, or goes on. */
const program = (listens: boolean): string => `
  import http from 'node:http';
  const server = http.createServer((request, response) => {
    if (request.url === '/quick') return response.end('ok');
    const timer = setTimeout(() => response.end('late'), 500);
    ${listens ? "response.on('close', () => clearTimeout(timer));" : ''}
  }).listen(0, '127.0.0.1', async () => {
    const at = (path) => \`http://127.0.0.1:\${server.address().port}\${path}\`;
    for (const path of ['/quick', '/quick']) await (await fetch(at(path))).text();
    await fetch(at('/slow'), { signal: AbortSignal.timeout(100) }).catch(() => {});
    setTimeout(() => server.close(), 600);
  });`;

const folder = new Folder(page);
const summary = join(folder.path, 'summary.md');
after(() => folder.remove());

/** As a shell of GitHub does: a step that fails ends what does not ask for \`failure()\`. */
async function runWorkflow(listens: boolean): Promise<{ failed: boolean; output: string }> {
  writeFileSync(join(folder.path, 'app.mjs'), program(listens));
  writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ scripts: { test: 'node app.mjs' } }));
  for (const file of ['spans.jsonl', 'summary.md']) rmSync(join(folder.path, file), { force: true });
  let [failed, output] = [false, ''];
  for (const { run, if: condition } of steps) {
    if (run === undefined || run === 'npm ci' || (failed && condition === undefined)) continue;
    const ended = await folder.run(`set -e\n${run}\necho "[ended well]"`, {
      GITHUB_STEP_SUMMARY: summary,
      CI: 'true',
    });
    failed ||= !ended.includes('[ended well]');
    output += ended;
  }
  return { failed, output };
}

describe('the workflow', () => {
  before(() => {
    // The baseline of a project that had no finding.
    writeFileSync(join(folder.path, 'cancel-baseline.json'), '{"report":1,"findings":[]}');
  });

  it('has steps that upload what the report writes', () => {
    const command = steps.find(({ run }) => run?.includes('report spans.jsonl'))?.run ?? '';
    const [, outputs = ''] = /--output (\S+)/.exec(command) ?? [];
    for (const { with: given = {} } of steps) {
      for (const file of [given.sarif_file, given.path])
        if (file !== undefined) assert.ok(outputs.split(',').includes(file));
    }
  });

  it('passes where every handler listens', async () => {
    const { failed, output } = await runWorkflow(true);
    assert.equal(failed, false, output);
    const log = JSON.parse(readFileSync(join(folder.path, 'cancels.sarif'), 'utf8'));
    assert.equal(faultsOfSarif(log), undefined);
    assert.deepEqual(log.runs[0].results, []);
    assert.match(readFileSync(summary, 'utf8'), /^\*\*Passed\.\*\*$/m);
  });

  it('fails where one goes on, uploads that all the same, and passes when it is in the baseline', async () => {
    const { failed, output } = await runWorkflow(false);
    assert.equal(failed, true, output);
    assert.match(output, /^! work_after_cancel: 1 finding that the baseline does not have$/m);
    const log = JSON.parse(readFileSync(join(folder.path, 'cancels.sarif'), 'utf8'));
    assert.equal(faultsOfSarif(log), undefined);
    assert.deepEqual(
      log.runs[0].results.map((result: { baselineState: string }) => result.baselineState),
      ['new'],
    );
    assert.match(readFileSync(summary, 'utf8'), /^\*\*Failed:\*\*$/m);

    const [makeBaseline = ''] = commandsIn(page).filter(
      (command) => command.includes('cancel-baseline.json') && command.includes('none'),
    );
    await folder.run(makeBaseline);
    const again = await runWorkflow(false);
    assert.equal(again.failed, false, again.output);
  });

  it('judges what a pipe brings', async () => {
    const [piped = ''] = commandsIn(page).filter((command) => command.startsWith('zcat'));
    mkdirSync(join(folder.path, 'spans'));
    writeFileSync(
      join(folder.path, 'spans', 'one.jsonl.gz'),
      gzipSync(readFileSync(join(folder.path, 'spans.jsonl'))),
    );
    rmSync(join(folder.path, 'cancels.html'));
    await folder.run(piped);
    assert.match(readFileSync(join(folder.path, 'cancels.html'), 'utf8'), /^<!doctype html>/);
  });
});
