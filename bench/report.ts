import type { SpanSample, Usage } from './messages.ts';
import type { Options } from './options.ts';
import type { Turn } from './pair.ts';
import { describedWorkloads, isCancelled, isHeadSampled, type SetUp, setUps, type Workload } from './plan.ts';
import type { Round } from './rounds.ts';
import { type Estimate, estimate } from './statistics.ts';

export const aims = `Aims: alone, ours adds at most 1.10 × what the floor adds, and of fetch() less than the official ones;
      beside the official ones, at most a twentieth of what they add (beside / official ≤ 1.05);
      to keep every cancel at 1 % sampling, a quarter of what they add at 1 %;
      a cancel at most 60 µs over an operation that is not cancelled, a deadline that is not reached 3 µs.`;

const columns = ['set-up', 'CPU µs/op', 'client', 'server', 'added over bare', 'spans/op'];
const widths = [13, 10, 8, 8, 26, 10];

/** Ratios that answer the aims, and the one that a user feels. */
const comparisons: {
  title: string;
  aim?: string;
  /** The aim is for these only. */
  aimOf?: string;
  over: SetUp;
  under: SetUp;
  added: boolean;
}[] = [
  { title: 'ours added / floor added', aim: 'aim ≤ 1.10', over: 'ours', under: 'floor', added: true },
  { title: 'ours / floor', over: 'ours', under: 'floor', added: false },
  {
    title: 'ours added / official added',
    aim: 'aim < 1',
    aimOf: 'fetch',
    over: 'ours',
    under: 'official',
    added: true,
  },
  { title: 'tracked / ours', over: 'tracked', under: 'ours', added: false },
  { title: 'measured / ours', over: 'measured', under: 'ours', added: false },
  { title: 'measured added / ours added', over: 'measured', under: 'ours', added: true },
  { title: 'kept added / sampled added', aim: 'aim ≤ 0.25', over: 'kept', under: 'sampled', added: true },
  { title: 'floor-sampled added / sampled added', over: 'floor-sampled', under: 'sampled', added: true },
  { title: 'kept added / floor-sampled added', over: 'kept', under: 'floor-sampled', added: true },
  { title: 'dd-trace added / ours added', over: 'dd-trace', under: 'ours', added: true },
  { title: 'sentry added / ours added', over: 'sentry', under: 'ours', added: true },
  { title: 'official added / floor added', over: 'official', under: 'floor', added: true },
  {
    title: 'beside added / official added',
    aim: 'aim ≤ 1.05',
    over: 'beside',
    under: 'official',
    added: true,
  },
];

export function reportOf(workload: Workload, rounds: Round[], options: Options): string {
  const present = setUps.filter((setUp) => rounds[0]?.has(setUp));
  const lines = [`${workload}: ${describedWorkloads[workload]}`, row(columns)];
  for (const setUp of present) {
    const turns = rounds.map((round) => turnOf(round, setUp));
    lines.push(
      row([
        setUp,
        perOperation(turns, total, options),
        perOperation(turns, (turn) => turn.client.cpuMicros, options),
        perOperation(turns, (turn) => turn.server.cpuMicros, options),
        setUp === 'bare'
          ? ''
          : signed(estimate(rounds.map((round) => addedBy(setUp, round) / options.operations))),
        setUp === 'bare' ? '' : spansPerOperation(turns, options),
      ]),
    );
  }
  for (const { title, aim, aimOf = '', over, under, added } of comparisons) {
    if (!present.includes(over) || !present.includes(under)) continue;
    if (missingSpans(workload, over, rounds, options).length > 0) continue;
    const ratios = rounds.map((round) =>
      added
        ? addedBy(over, round) / addedBy(under, round)
        : total(turnOf(round, over)) / total(turnOf(round, under)),
    );
    lines.push(
      `  ${title.padEnd(36)} ${ratio(estimate(ratios))}${aim && workload.startsWith(aimOf) ? `   ${aim}` : ''}`,
    );
  }
  for (const setUp of present) lines.push(...missingSpans(workload, setUp, rounds, options));
  if (options.showSpans) lines.push(...present.flatMap((setUp) => shownSpans(setUp, rounds)));
  return `${lines.join('\n')}\n`;
}

export function turnOf(round: Round, setUp: SetUp): Turn {
  const turn = round.get(setUp);
  if (turn === undefined) throw new Error(`${setUp} had no turn in a round`);
  return turn;
}

export function total(turn: Turn): number {
  return turn.client.cpuMicros + turn.server.cpuMicros;
}

export function addedBy(setUp: SetUp, round: Round): number {
  return total(turnOf(round, setUp)) - total(turnOf(round, 'bare'));
}

function perOperation(turns: Turn[], micros: (turn: Turn) => number, { operations }: Options): string {
  return estimate(turns.map((turn) => micros(turn) / operations)).median.toFixed(1);
}

function spansPerOperation(turns: Turn[], { operations }: Options): string {
  const share = (usageOf: (turn: Turn) => Usage) =>
    estimate(turns.map((turn) => usageOf(turn).spans / operations)).median.toFixed(2);
  return `${share((turn) => turn.client)}+${share((turn) => turn.server)}`;
}

/** A set-up that makes no spans is fast for the wrong reason. */
export function missingSpans(
  workload: Workload,
  setUp: SetUp,
  rounds: Round[],
  { operations }: Options,
): string[] {
  if (setUp === 'bare' || isHeadSampled(setUp) || (isCancelled(workload) && setUp === 'official')) return [];
  const turns = rounds.map((round) => turnOf(round, setUp));
  const sides = (['client', 'server'] as const).filter(
    (side) => Math.abs(estimate(turns.map((turn) => turn[side].spans)).median / operations - 1) > 0.01,
  );
  return sides.map(
    (side) => `  ! ${setUp}: not one ${side} span per operation, so its figures do not compare`,
  );
}

function shownSpans(setUp: SetUp, rounds: Round[]): string[] {
  const turn = rounds.at(-1)?.get(setUp);
  const samples = [turn?.client.sample, turn?.server.sample].filter((sample) => sample !== undefined);
  return samples.flatMap((sample) => shownSpan(setUp, sample));
}

function shownSpan(setUp: SetUp, { role, name, attributes, events }: SpanSample): string[] {
  const shown = Object.keys(attributes)
    .sort()
    .map((key) => `      ${key} = ${String(attributes[key]).split('\n')[0]}`);
  return [
    `    ${setUp}, ${role} span '${name}' ${events.length > 0 ? `[${events.join(', ')}]` : ''}`,
    ...shown,
  ];
}

function row(cells: string[]): string {
  return `  ${cells
    .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
    .join('  ')
    .trimEnd()}`;
}

export function signed({ median, interval }: Estimate): string {
  const sign = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
  return interval ? `${sign(median)} (${sign(interval[0])}…${sign(interval[1])})` : sign(median);
}

function ratio({ median, interval }: Estimate): string {
  const range = interval
    ? ` (${interval[0].toFixed(2)}…${interval[1].toFixed(2)})`
    : ' (too few rounds for a range)';
  return `${median.toFixed(2)}${range}`;
}
