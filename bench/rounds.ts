import type { Options } from './options.ts';
import { type Launch, Pair, type Turn } from './pair.ts';
import type { SetUp, Workload } from './plan.ts';

/** What every set-up used, measured next to each other in time: only these are compared. */
export type Round = Map<SetUp, Turn>;

/** The optimising compiler needs some thousand operations before the figures stop falling. */
const warmUpOperations = 5000;

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

/** A neighbour's burst of work lasts longer than a slice: it falls on all set-ups, not on one of them. */
const operationsInSlice = 100;

async function round(pairs: Pair[], index: number, operations: number): Promise<Round> {
  const turns: Round = new Map();
  for (let done = 0, slice = index; done < operations; slice++) {
    const now = Math.min(operationsInSlice, operations - done);
    for (const pair of inOrderOf(slice, pairs)) {
      const turn = await pair.turn(now);
      const before = turns.get(pair.setUp);
      turns.set(pair.setUp, before === undefined ? turn : sum(before, turn));
    }
    done += now;
  }
  return turns;
}

function sum(before: Turn, turn: Turn): Turn {
  const both = (side: 'client' | 'server') => ({
    ...turn[side],
    cpuMicros: before[side].cpuMicros + turn[side].cpuMicros,
    spans: before[side].spans + turn[side].spans,
  });
  return { client: both('client'), server: both('server') };
}

/** Every set-up comes to every place, and every second time round runs backwards: a drift of the machine cancels out. */
function inOrderOf(index: number, pairs: Pair[]): Pair[] {
  const shift = index % pairs.length;
  const rotated = [...pairs.slice(shift), ...pairs.slice(0, shift)];
  return index % 2 === 0 ? rotated : rotated.reverse();
}
