/**
 * What is paid once, and what is held: the start of a process with `register` over that of one with the SDK alone, the code that is
 * loaded for it, and the memory of an operation in flight: `npm run bench:footprint`. Each measurement is a process of its own.
 *
 *   --runs 10     of each
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileChild } from './compile.ts';
import type { SetUp } from './plan.ts';
import { estimate } from './statistics.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10' } } });
const runs = Number(values.runs);
const require = createRequire(import.meta.url);
const register = fileURLToPath(new URL('../dist/register.cjs', import.meta.url));

const sdk = `
  const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] }).register();`;

/** Before the application's first line. */
const beginnings = {
  bare: '',
  sdk,
  register: `require(${JSON.stringify(register)});`,
};
type Beginning = keyof typeof beginnings;

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** A service has http in any case. */
const service = `require('node:http');`;

function startOf(beginning: Beginning): Start {
  return runProgram(`${beginnings[beginning]}${service}
    const wallMs = performance.now();
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000 }));
    process.exit();`);
}

/** In another process: whoever is told of scripts pays for it. */
function loadedBy(beginning: Beginning): { readonly codeKilobytes: number; readonly files: number } {
  return runProgram(`
    const session = new (require('node:inspector').Session)();
    let files = 0;
    let characters = 0;
    session.on('Debugger.scriptParsed', ({ params: { url, length } }) => {
      if (!/^(file:|\\/)/.test(url)) return;
      files++;
      characters += length;
    });
    session.connect();
    session.post('Debugger.enable');
    ${beginnings[beginning]}${service}
    console.log(JSON.stringify({ codeKilobytes: characters / 1000, files }));
    process.exit();`);
}

/** @returns what it prints, as JSON */
function runProgram<Printed>(program: string): Printed {
  const output = execFileSync(process.execPath, ['--eval', program], {
    cwd: dirname(require.resolve('../package.json')),
    encoding: 'utf8',
    env: { PATH: process.env.PATH, OTEL_LOG_LEVEL: 'NONE' },
  });
  return JSON.parse(output);
}

function heldBy(setUp: SetUp, protocol: string, side: string): number {
  const program = join(dirname(compiled), 'in-flight.js');
  const args = ['--expose-gc', program, setUp, protocol, side];
  return Number(
    execFileSync(process.execPath, args, {
      encoding: 'utf8',
      env: { ...process.env, BENCH_PACKAGE: new URL('../dist/index.js', import.meta.url).href },
    }),
  );
}

/** @returns of each, in turns, so that a slower minute of the machine is everybody's */
function inTurns<Name extends string, T>(
  names: readonly Name[],
  times: number,
  measure: (name: Name) => T,
): Record<Name, T[]> {
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  for (let count = 0; count < times; count++) for (const name of names) results[name].push(measure(name));
  return results;
}

function text(figures: number[], digits = 0): string {
  const { median, interval } = estimate(figures);
  const range = interval?.map((figure) => figure.toFixed(digits)).join('…');
  return range === undefined ? median.toFixed(digits) : `${median.toFixed(digits)} (${range})`;
}

console.log(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}`,
);
console.log(
  '\nstart of a process, ms              wall                CPU                 code, kB in files',
);
const starts = inTurns(['bare', 'sdk', 'register'], runs, startOf);
for (const beginning of ['bare', 'sdk', 'register'] as const) {
  const each = starts[beginning];
  const row = [text(each.map(({ wallMs }) => wallMs)), text(each.map(({ cpuMs }) => cpuMs))];
  const { codeKilobytes, files } = loadedBy(beginning);
  const size = `${codeKilobytes.toFixed(0)} in ${files}`;
  console.log(`  ${beginning.padEnd(34)}${row.map((cell) => cell.padEnd(20)).join('')}${size}`);
}
const over = (measure: (start: Start) => number) =>
  starts.register.map((start, run) => measure(start) - measure(starts.sdk[run] ?? start));
console.log(
  `  ${'register over sdk'.padEnd(34)}${text(over(({ wallMs }) => wallMs)).padEnd(20)}${text(over(({ cpuMs }) => cpuMs))}`,
);

const compiled = compileChild();
const setUps = ['bare', 'official', 'ours', 'beside', 'sampled', 'kept'] as const;
console.log('\nheap of an operation in flight, bytes over bare');
for (const [protocol, side] of [
  ['http', 'incoming'],
  ['http', 'outgoing'],
  ['fetch', 'outgoing'],
  ['grpc', 'incoming'],
  ['grpc', 'outgoing'],
] as const) {
  const held = inTurns(setUps, Math.ceil(runs / 5), (setUp) => heldBy(setUp, protocol, side));
  const bare = estimate(held.bare).median;
  const added = setUps
    .slice(1)
    .map((setUp) => `${setUp} ${(estimate(held[setUp]).median - bare).toFixed(0)}`);
  console.log(`  ${`${protocol}, ${side}`.padEnd(16)}bare ${bare.toFixed(0)}, ${added.join(', ')}`);
}
