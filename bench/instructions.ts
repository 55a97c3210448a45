/**
 * The third measure: instructions of the CPU, as valgrind counts them. It hardly depends on what else the machine does, nor on what
 * machine it is. What it does not know is what an instruction costs: a cache that is missed, and the kernel.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Difference, differences } from './differences.ts';
import type { Options } from './options.ts';
import { environmentOf, type Launch } from './pair.ts';
import { isVendor, type SetUp, type Workload } from './plan.ts';
import { comparisons } from './report.ts';

/** Operations of two processes of the same set-up: what they have in common, such as their start, is none of an operation's. */
const FEW = 2_000;
const MANY = 6_000;
const VALGRIND = ['--tool=cachegrind', '--cache-sim=no', '--smc-check=all-non-file'];

/** Of one operation, client and server, in thousands. */
interface Count {
  /** JavaScript, and what it calls. */
  readonly code: number;
  readonly gc: number;
}
export type Counts = ReadonlyMap<SetUp, Count>;

/** @throws {Error} when there is no valgrind */
export async function countInstructions(
  workload: Workload,
  options: Options,
  launch: Launch,
): Promise<Counts> {
  const counts = new Map<SetUp, Count>();
  for (const setUp of options.setUps.filter((name) => !isVendor(name))) {
    const few = await instructionsOf([setUp, workload, FEW, options.concurrency], launch);
    const many = await instructionsOf([setUp, workload, MANY, options.concurrency], launch);
    const of = (what: keyof Count): number => (many[what] - few[what]) / (MANY - FEW) / 1_000;
    counts.set(setUp, { code: of('code'), gc: of('gc') });
  }
  return counts;
}

async function instructionsOf(operations: readonly unknown[], launch: Launch): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'cancellation-instructions-'));
  try {
    const file = join(folder, 'counts');
    const program = join(dirname(launch.program), 'counted.js');
    // One thread: what the collector does is done in time, and the same each time.
    const node = [process.execPath, '--single-threaded', '--no-warnings', program, ...operations.map(String)];
    await promisify(execFile)('valgrind', [...VALGRIND, `--cachegrind-out-file=${file}`, ...node], {
      env: environmentOf(launch),
    });
    return readCounts(readFileSync(file, 'latin1'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('--instructions needs valgrind: apt-get install valgrind');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of V8's own functions. It compiles what is called often, at some time or other, and is done with it. */
const COMPILER =
  /v8::internal::(?:compiler|interpreter|baseline|maglev|\w*(?:Scanner|Parse|Ast|Scope|Compil|Bytecode|SourcePosition|Assembler|Zone))/;
/** The write barrier as well. */
const COLLECTOR =
  /Mark|Scaveng|Sweep|Evacuat|heap::base|BodyDescriptor|Heap::|RememberedSet|RecordWrite|Iterat\w*Visitor/;

/** @param text as cachegrind writes it: lines `fn=name`, each followed by those of its lines of code, `line instructions` */
function readCounts(text: string): Count {
  const counts = { code: 0, gc: 0, compiler: 0 };
  let owner: keyof typeof counts = 'code';
  for (const line of text.split('\n')) {
    const name = /^fn=(.*)/.exec(line)?.[1];
    if (name !== undefined) owner = COLLECTOR.test(name) ? 'gc' : COMPILER.test(name) ? 'compiler' : 'code';
    const instructions = /^\d+ (\d+)/.exec(line)?.[1];
    if (instructions !== undefined) counts[owner] += Number(instructions);
  }
  return counts;
}

export function instructionsReport(counts: Counts): string {
  const lines = ['  1000 instr/op      code     GC   added over bare'];
  for (const [setUp, { code, gc }] of counts) {
    const added = setUp === 'bare' ? '' : `+${addedBy(setUp, counts).toFixed(0)}`;
    const numbers = [code, gc].map((count) => count.toFixed(0).padStart(7)).join('');
    lines.push(`  ${setUp.padEnd(15)}${numbers}${added.padStart(18)}`);
  }
  for (const { title, over, under, added, aim, aimOf = '' } of comparisons) {
    if (!counts.has(over) || !counts.has(under)) continue;
    const of = (setUp: SetUp): number => (added ? addedBy(setUp, counts) : total(counts.get(setUp)));
    lines.push(
      `  ${title.padEnd(36)} ${(of(over) / of(under)).toFixed(2)}${aim ? `   ${aim}${aimOf && ` (${aimOf})`}` : ''}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function total(count: Count | undefined): number {
  return count === undefined ? 0 : count.code + count.gc;
}

function addedBy(setUp: SetUp, counts: Counts): number {
  return total(counts.get(setUp)) - total(counts.get('bare'));
}

/** What something costs an operation that has it, by set-up. */
export function instructionDifferences(results: ReadonlyMap<Workload, Counts>): string {
  return differences.flatMap((difference) => linesOf(difference, results)).join('');
}

function linesOf({ what, over, under }: Difference, results: ReadonlyMap<Workload, Counts>): string[] {
  const [of, plain] = [results.get(over), results.get(under)];
  if (of === undefined || plain === undefined) return [];
  const rows = [...of.keys()]
    .filter((setUp) => setUp !== 'bare')
    .map((setUp) => `  ${setUp.padEnd(13)} ${(addedBy(setUp, of) - addedBy(setUp, plain)).toFixed(0)}\n`);
  return [`${what}: ${over} added − ${under} added, 1000 instr/op\n`, ...rows];
}
