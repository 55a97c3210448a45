/**
 * Runs the tests, each file in a process of its own (instrumentations patch what a process shares).
 * `npm test` runs all; `npm test -- grpc http` those whose path contains one of the words.
 * A file that reads the variable SETUP runs once more for each set-up beside the official instrumentations.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
/** What node:test would choose by itself, then what was left out. */
const REPORTERS = [
  process.stdout.isTTY ? 'spec' : 'tap',
  new URL('support/left-out.mjs', import.meta.url).href,
].flatMap((reporter) => [`--test-reporter=${reporter}`, '--test-reporter-destination=stdout']);
const words = process.argv.slice(2);
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  .filter((file) => words.length === 0 || words.some((word) => relative(root, file).includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file under test/ has a path with any of: ${words.join(', ')}`);
  process.exit(1);
}
const runs = [
  { setup: 'alone', files },
  { setup: 'official first', files: files.filter(readsSetup) },
  { setup: 'official last', files: files.filter(readsSetup) },
];
let exitCode = 0;
for (const run of runs) {
  if (run.files.length === 0) continue;
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', ...REPORTERS, '--test', ...run.files], {
    stdio: 'inherit',
    env: { ...process.env, SETUP: run.setup },
  });
  exitCode ||= status ?? 1;
}
process.exit(exitCode);

function readsSetup(file: string): boolean {
  return readFileSync(file, 'utf8').includes('process.env.SETUP');
}
