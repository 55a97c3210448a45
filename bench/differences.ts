/**
 * What something costs an operation that has it: two workloads of one run that differ in it alone. They are not of the same minute, as
 * the set-ups of a round are.
 */
import type { Options } from './options.ts';
import { type SetUp, setUps, type Workload } from './plan.ts';
import { addedBy, missingSpans, signed } from './report.ts';
import type { Round } from './rounds.ts';
import { estimate } from './statistics.ts';

interface Difference {
  readonly what: string;
  readonly over: Workload;
  readonly under: Workload;
  /** What it is to cost ours at most, in µs. */
  readonly aimUs: number;
}

const differences: readonly Difference[] = [
  { what: 'a cancel', over: 'grpc-cancelled', under: 'grpc', aimUs: 60 },
  { what: 'a cancel', over: 'http-cancelled', under: 'http', aimUs: 60 },
  { what: 'a deadline', over: 'grpc-deadline', under: 'grpc', aimUs: 3 },
];

/** @returns '' where the run has not both workloads of any */
export function differencesOf(results: ReadonlyMap<Workload, Round[]>, options: Options): string {
  const lines = differences.flatMap((difference) => {
    const over = results.get(difference.over);
    const under = results.get(difference.under);
    return over && under ? linesOf(difference, over, under, options) : [];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function linesOf({ what, over, under, aimUs }: Difference, of: Round[], plain: Round[], options: Options) {
  const isComplete = (setUp: SetUp): boolean =>
    missingSpans(over, setUp, of, options).length + missingSpans(under, setUp, plain, options).length === 0;
  const rows = setUps
    .filter((setUp) => setUp !== 'bare' && of[0]?.has(setUp) && isComplete(setUp))
    .map((setUp) => {
      const micros = of.map((round, index) => {
        const other = plain[index];
        return other ? (addedBy(setUp, round) - addedBy(setUp, other)) / options.operations : Number.NaN;
      });
      const aim = setUp === 'ours' ? `   aim ≤ +${aimUs}` : '';
      return `  ${setUp.padEnd(13)}${signed(estimate(micros)).padStart(26)}${aim}`;
    });
  return [`${what}: ${over} added − ${under} added, µs/op`, ...rows];
}
