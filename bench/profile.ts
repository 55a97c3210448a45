/** The second measure: self time in a CPU profile. It is steady where the CPU time of whole processes is not. */
import type { SelfTimes } from './messages.ts';
import type { Options } from './options.ts';
import { type Launch, Pair } from './pair.ts';
import type { Workload } from './plan.ts';

/** Enough of them that a function of half a microsecond shows. */
const OPERATIONS = 30_000;
const WARM_UP_OPERATIONS = 5_000;

export async function profileOf(workload: Workload, options: Options, launch: Launch): Promise<string> {
  const lines = [
    '  self time, µs/op                 ours   otel   Node     GC  other  ours/otel (aim ≤ 0.25)',
  ];
  for (const setUp of options.setUps) {
    const pair = await Pair.start(setUp, workload, options.concurrency, launch);
    try {
      await pair.turn(WARM_UP_OPERATIONS);
      const times = await pair.profile(OPERATIONS);
      for (const side of ['client', 'server'] as const) {
        lines.push(`  ${setUp.padEnd(13)} ${side.padEnd(12)} ${numbersOf(times[side])}`);
        if (options.showHottest) lines.push(...hottestOf(times[side]));
      }
    } finally {
      pair.stop();
    }
  }
  return `${lines.join('\n')}\n`;
}

function numbersOf({ ours, otel, node, gc, other }: SelfTimes): string {
  const times = [ours, otel, node, gc, other].map((us) => (us / OPERATIONS).toFixed(1).padStart(7)).join('');
  return ours === 0 ? times : `${times}  ${(ours / otel).toFixed(2)}`;
}

function hottestOf({ hottest }: SelfTimes): string[] {
  return hottest.map(([name, us]) => `    ${(us / OPERATIONS).toFixed(2).padStart(6)}  ${name}`);
}
