/**
 * `npm run test:setups`: packs this package once, tests each way to set it up, and prints what came out as a table. The
 * README's table has to be this one; `npm run test:setups -- --write` writes it there. Words choose
 * test files, as with `npm test`; then there is no whole table to compare.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { refreshCache } from './support/cache.ts';
import { readmeFile } from './support/readme.ts';
import { forgetResults, readResults } from './support/results.ts';
import { readmeTable, terminalTable } from './support/table.ts';
import { ownTarball, root } from './support/tarball.ts';

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false }, again: { type: 'boolean', default: false } },
});
forgetResults();
refreshCache();
ownTarball();
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', 'test/run.ts', '--group=setups', ...(values.again ? ['--again'] : []), ...words],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = status ?? 1;

const results = readResults();
if (results.length > 0) console.log(terminalTable(results));
if (words.length === 0) finishReadme(readmeTable(results));

function finishReadme(table: string): void {
  const text = readFileSync(readmeFile, 'utf8');
  const [, before, found, after] =
    /^(.*<!-- npm run test:setups -- --write -->\n)(.*?)(<!-- end -->.*)$/s.exec(text) ?? [];
  if (found === table) return;
  console.log(`${table}\n`);
  if (found === undefined) {
    console.error(
      'The README has no place for the table: <!-- npm run test:setups -- --write --> and <!-- end -->',
    );
    process.exitCode = 1;
  } else if (values.write && status === 0) {
    writeFileSync(readmeFile, `${before}${table}${after}`);
    console.log('Written to the README.');
  } else {
    console.error(
      "The README's table is another one. `npm run test:setups -- --write` writes this one, once all pass.",
    );
    process.exitCode = 1;
  }
}
