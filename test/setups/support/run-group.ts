/**
 * Packs this package once, runs a group of tests that try it as it is installed, and prints what came out as a table. The README's
 * table has to be that one; `-- --write` writes it there. Words choose test files, as with `npm test`; then there
 * is no whole table to compare.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readmeFile } from './readme.ts';
import type { Results } from './results.ts';
import { ownTarball, root } from './tarball.ts';

export interface GroupRun<R extends object> {
  readonly group: 'setups' | 'versions';
  readonly words: readonly string[];
  /** Files that fail run once more. */
  readonly again: boolean;
  readonly write: boolean;
  readonly results: Results<R>;
  readonly terminalTable: (results: readonly R[]) => string;
  readonly readmeTable: (results: readonly R[]) => string;
}

/** @returns the exit status */
export function runGroup<R extends object>(run: GroupRun<R>): number {
  run.results.forget();
  ownTarball();
  const { status } = spawnSync(
    process.execPath,
    [
      '--import',
      'tsx',
      'test/run.ts',
      `--group=${run.group}`,
      ...(run.again ? ['--again'] : []),
      ...run.words,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  const results = run.results.read();
  if (results.length > 0) console.log(run.terminalTable(results));
  if (run.words.length > 0) return status ?? 1;
  const isRight = finishReadme(run.readmeTable(results), run.group, run.write && status === 0);
  return isRight ? (status ?? 1) : 1;
}

/** @returns whether the README has this table now */
function finishReadme(table: string, group: string, mayWrite: boolean): boolean {
  const command = `npm run test:${group} -- --write`;
  const text = readFileSync(readmeFile, 'utf8');
  const [, before, found, after] =
    new RegExp(`^(.*<!-- ${command} -->\n)(.*?)(<!-- end -->.*)$`, 's').exec(text) ?? [];
  if (found === table) return true;
  console.log(`${table}\n`);
  if (found === undefined) {
    console.error(`The README has no place for the table: <!-- ${command} --> and <!-- end -->`);
    return false;
  }
  if (mayWrite) {
    writeFileSync(readmeFile, `${before}${table}${after}`);
    console.log('Written to the README.');
    return true;
  }
  console.error(`The README's table is another one. \`${command}\` writes this one, once all pass.`);
  return false;
}
