import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { compileChild } from './compile.ts';
import { differencesOf } from './differences.ts';
import { offByFactor } from './guard.ts';
import { installVendors, placeBesideSdk3 } from './installed.ts';
import { type Options, readOptions, UsageError, usage } from './options.ts';
import { describedWorkloads, isVendor, type SetUp, type Workload } from './plan.ts';
import { profileOf } from './profile.ts';
import { aims, reportOf } from './report.ts';
import { measure, type Round } from './rounds.ts';

const packageUrl = new URL('../dist/index.js', import.meta.url).href;
const needPackage: SetUp[] = ['ours', 'beside', 'tracked', 'measured', 'kept'];

async function run(options: Options): Promise<void> {
  const started = Date.now();
  const setUps = await availableOf(options.setUps);
  const launch = {
    ...(options.sdk === '3' ? placeBesideSdk3() : { program: compileChild(), packageUrl }),
    sdk: options.sdk,
    vendors: setUps.some(isVendor) ? installVendors() : undefined,
  };
  const results = new Map<Workload, Round[]>();
  console.log(
    `Node ${process.versions.node}, SDK ${options.sdk}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, load ${loadText()}`,
  );
  console.log(
    `${options.rounds} rounds of ${options.operations} operations in ${options.launches} launch(es), ` +
      `${options.concurrency} in flight`,
  );
  console.log(
    'Median of the rounds, in brackets the 95 % interval of the median; bench/README.md explains more.',
  );
  console.log(`${aims}\n`);
  for (const workload of options.workloads) {
    if (options.isProfile) {
      console.log(`${workload}: ${describedWorkloads[workload]}`);
      console.log(await profileOf(workload, { ...options, setUps }, launch));
      continue;
    }
    const rounds = await measure(workload, { ...options, setUps }, launch, (done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${workload} ${done}/${options.rounds} \r`);
    });
    results.set(workload, rounds);
    console.log(reportOf(workload, rounds, options));
    if (!options.isGuard) continue;
    for (const wrong of offByFactor(workload, rounds, options)) {
      console.error(wrong);
      process.exitCode = 1;
    }
  }
  console.log(differencesOf(results, options));
  console.log(`Done in ${Math.round((Date.now() - started) / 1000)} s, load ${loadText()}`);
  if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, jsonOf(results, options));
}

/** The package may not be built, or not that far: the other set-ups can be measured all the same. */
async function availableOf(wanted: SetUp[]): Promise<SetUp[]> {
  if (!wanted.some((setUp) => needPackage.includes(setUp))) return wanted;
  const built = await import(packageUrl).catch((error: unknown) => {
    console.log(`dist/index.js cannot be loaded: ${error instanceof Error ? error.message : error}`);
    return {};
  });
  if (typeof built.CancellationInstrumentation === 'function') return wanted;
  console.log('dist/index.js does not export CancellationInstrumentation: ours and beside are left out.');
  console.log('Run `npm run build` first.\n');
  return wanted.filter((setUp) => !needPackage.includes(setUp));
}

function jsonOf(results: Map<Workload, Round[]>, options: Options): string {
  const measured = {
    node: process.versions.node,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    options: { ...options, jsonPath: undefined },
    workloads: Object.fromEntries(
      [...results].map(([workload, rounds]) => [workload, rounds.map((round) => Object.fromEntries(round))]),
    ),
  };
  return `${JSON.stringify(measured, null, 2)}\n`;
}

function loadText(): string {
  return loadavg()[0]?.toFixed(1) ?? '?';
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await run(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
