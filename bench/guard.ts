/**
 * Whether the cost is off by a factor: for a machine that others use as well, where nothing finer can be told of a short run, since the
 * median of a few rounds is off by some tenths there.
 */
import type { Options } from './options.ts';
import type { Workload } from './plan.ts';
import { missingSpans, total, turnOf } from './report.ts';
import type { Round } from './rounds.ts';
import { estimate } from './statistics.ts';

/** Of the whole cost, ours over the floor; 0.98 to 1.10 where it was measured with care. */
const LIMIT = 2;

/** @returns what is wrong, a sentence each */
export function offByFactor(workload: Workload, rounds: Round[], options: Options): string[] {
  const ratios = rounds.map((round) => total(turnOf(round, 'ours')) / total(turnOf(round, 'floor')));
  const { median } = estimate(ratios);
  const wrong = missingSpans(workload, 'ours', rounds, options);
  // Neither is NaN.
  if (!(median <= LIMIT))
    wrong.push(`${workload}: ours costs ${median.toFixed(2)} × the floor, more than ${LIMIT} ×`);
  return wrong;
}
