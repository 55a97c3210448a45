/**
 * Runs the tests. `npm test` runs those that need nothing but Node; groups.ts says which files are left to other
 * commands. `npm test -- grpc http` runs those of the group whose path contains one of the words.
 * A file that imports support/setup.ts runs once more for each set-up beside the official instrumentations.
 *
 *   --group=stack       the group of another command
 *   --concurrency=2     so many files at a time
 *   --again             files that fail run once more, alone, and that counts; which they were is said
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from './runner/compile.ts';
import { filesByGroup, groups, matching } from './runner/groups.ts';
import { type Ended, type Run, runAll } from './runner/pool.ts';
import { Report } from './runner/report.ts';
import { preparePrograms } from './stack/programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    group: { type: 'string', default: 'fast' },
    concurrency: { type: 'string' },
    again: { type: 'boolean', default: false },
  },
});
const group = groups[values.group];
if (group === undefined) throw new Error(`--group is one of ${Object.keys(groups).join(', ')}`);
const all = filesByGroup(join(root, 'test'));
const files = matching(all.get(values.group) ?? [], words);
if (files.length === 0) {
  console.error(`${group.command} has no test file whose path contains: ${words.join(', ')}`);
  for (const [name, other] of all)
    for (const file of matching(other, words)) console.error(`  ${groups[name]?.command} has test/${file}`);
  process.exit(1);
}

const compiled = await compile(root);
const runs = files.flatMap((name): Run[] => {
  const file = join('test', name);
  const program = compiled.outputOf(join(root, file));
  const isForEach = compiled.reachableFrom(join(root, file)).has(join(root, 'test/support/setup.ts'));
  const setups = isForEach ? ['alone', 'official first', 'official last'] : ['alone'];
  return setups.map((setup) => ({ file, setup, program }));
});
if (values.group === 'stack')
  await preparePrograms(
    new Set(files.flatMap((name) => [...compiled.reachableFrom(join(root, 'test', name))])),
  );
const report = new Report(runs.length, words.length > 0);
const settings = {
  outdir: compiled.outdir,
  concurrency: Number(values.concurrency ?? group.concurrency(availableParallelism())),
  limitMinutes: group.limitMinutes,
  onStart: (run: Run) => report.started(run),
  onEnd: (ended: Ended) => report.ended(ended),
};
await runAll(runs, settings);
if (values.again) await runAll(report.takeFailed(), { ...settings, concurrency: 1 });
report.finish(words.length > 0 ? [] : leftToOthers());
process.exitCode = report.hasFailed ? 1 : 0;

function leftToOthers(): string[] {
  return [...all].flatMap(([name, others]) => {
    const { command, needs } = groups[name] ?? {};
    return needs === undefined || name === values.group || others.length === 0
      ? []
      : [`Left out, ${others.length} files: what needs ${needs} runs by \`${command}\`.`];
  });
}
