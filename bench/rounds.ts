import type { Options } from './options.ts';
import { type Launch, Pair, type Turn } from './pair.ts';
import type { SetUp, Workload } from './plan.ts';

/** One turn of every set-up, next to each other in time: only these are compared. */
export type Round = Map<SetUp, Turn>;

/** The optimising compiler needs some thousand operations before the figures stop falling. */
const warmUpOperations = 6000;

export async function measure(
  workload: Workload,
  options: Options,
  launch: Launch,
  progress: (done: number) => void,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let launched = 0; launched < options.launches; launched++) {
    const wanted = Math.round((options.rounds * (launched + 1)) / options.launches);
    const pairs: Pair[] = [];
    try {
      for (const setUp of options.setUps) {
        pairs.push(await Pair.start(setUp, workload, options.concurrency, launch));
      }
      for (const pair of pairs) await pair.turn(Math.min(warmUpOperations, options.operations * 10));
      while (rounds.length < wanted) {
        rounds.push(await round(pairs, rounds.length, options.operations));
        progress(rounds.length);
      }
    } finally {
      for (const pair of pairs) pair.stop();
    }
  }
  return rounds;
}

async function round(pairs: Pair[], index: number, operations: number): Promise<Round> {
  const turns: Round = new Map();
  for (const pair of inOrderOf(index, pairs)) turns.set(pair.setUp, await pair.turn(operations));
  return turns;
}

/** Every set-up comes to every place, and every second round runs backwards: a drift of the machine cancels out. */
function inOrderOf(index: number, pairs: Pair[]): Pair[] {
  const shift = index % pairs.length;
  const rotated = [...pairs.slice(shift), ...pairs.slice(0, shift)];
  return index % 2 === 0 ? rotated : rotated.reverse();
}
