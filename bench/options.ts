import { parseArgs } from 'node:util';
import semver from 'semver';
import {
  describedWorkloads,
  type SdkLine,
  type SetUp,
  sdkLines,
  setUps,
  usualSetUps,
  type Workload,
  workloads,
} from './plan.ts';

export interface Options {
  workloads: Workload[];
  setUps: SetUp[];
  sdk: SdkLine;
  /** Each measures every set-up; over all launches. */
  rounds: number;
  /** Operations of a set-up in one round. */
  operations: number;
  /** How often every process is started anew: two launches of the same code can differ by some per cent. */
  launches: number;
  /** Operations in flight. */
  concurrency: number;
  jsonPath: string | undefined;
  showSpans: boolean;
  /** Self time in a CPU profile in the place of CPU time. */
  isProfile: boolean;
  showHottest: boolean;
  /** Fails where ours costs a multiple of the floor. */
  isGuard: boolean;
}

export const usage = `npm run bench -- [options]

  --only <a,b>         workloads: ${workloads.join(', ')}
  --setups <a,b>       set-ups: ${setUps.join(', ')} (bare is always measured)
  --sdk <2|3>          line of OpenTelemetry's SDK (default 2); 3 needs Node 22.15 and is installed into your cache
  --quick              a short run, to see that everything works; its figures mean little
  --rounds <n>         rounds, each measures every set-up (default 16)
  --operations <n>     operations of a set-up in one round (default 400)
  --launches <n>       fresh processes this often, the rounds are shared out (default 1)
  --concurrency <n>    operations in flight (default 16)
  --spans              also show one span of each side and set-up
  --profile            the second measure: self time in a CPU profile, by whose code it is
  --hottest            also the functions that take most of it
  --guard              fails where ours costs a multiple of the floor: for CI, with --quick
  --json <file>        write every single measurement as well
  --help

workloads:
${workloads.map((name) => `  ${name.padEnd(20)} ${describedWorkloads[name]}`).join('\n')}
`;

/** A mistake in the command line: shown as it is, without a stack. */
export class UsageError extends Error {}

/** @returns undefined when only help was asked for */
export function readOptions(args: string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const quick = values.quick ?? false;
  return {
    workloads: listOf('only', values.only, workloads),
    setUps: withBare(
      values.setups === undefined
        ? values.guard
          ? ['floor', 'ours']
          : [...usualSetUps]
        : listOf('setups', values.setups, setUps),
    ),
    sdk: lineOf(values.sdk),
    rounds: count('rounds', values.rounds, quick ? 4 : 16),
    operations: count('operations', values.operations, quick ? 200 : 400),
    launches: count('launches', values.launches, 1),
    concurrency: count('concurrency', values.concurrency, 16),
    jsonPath: values.json,
    showSpans: values.spans ?? false,
    isProfile: values.profile ?? false,
    showHottest: values.hottest ?? false,
    isGuard: values.guard ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        only: { type: 'string' },
        setups: { type: 'string' },
        sdk: { type: 'string' },
        rounds: { type: 'string' },
        operations: { type: 'string' },
        launches: { type: 'string' },
        concurrency: { type: 'string' },
        json: { type: 'string' },
        quick: { type: 'boolean' },
        spans: { type: 'boolean' },
        profile: { type: 'boolean' },
        hottest: { type: 'boolean' },
        guard: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function lineOf(value: string | undefined): SdkLine {
  const line = sdkLines.find((known) => known === (value ?? '2'));
  if (line === undefined) throw new UsageError(`--sdk: '${value}' is neither 2 nor 3`);
  const { node } = process.versions;
  if (line === '3' && !semver.gte(node, '22.15.0'))
    throw new UsageError(`--sdk 3 needs Node 22.15 or newer, this is ${node}`);
  return line;
}

function listOf<Name extends string>(
  flag: string,
  value: string | undefined,
  known: readonly Name[],
): Name[] {
  if (value === undefined) return [...known];
  const asked = value.split(',').map((name) => name.trim());
  for (const name of asked) {
    if (!known.includes(name as Name)) {
      throw new UsageError(`--${flag}: there is no '${name}'; known are ${known.join(', ')}`);
    }
  }
  return known.filter((name) => asked.includes(name));
}

/** Without bare nothing could be said about what a set-up adds. */
function withBare(chosen: SetUp[]): SetUp[] {
  return chosen.includes('bare') ? chosen : ['bare', ...chosen];
}

function count(flag: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) {
    throw new UsageError(`--${flag}: '${value}' is not a whole number above 0`);
  }
  return number;
}
