/**
 * `npm run test:leaks -- [grpc] [cancelled] [--operations 1000000] [--plain]`: what is left of so many operations of each kind, by each protocol; of
 * those named only. With --plain without the instrumentation, to see what is Node's.
 */
import { parseArgs } from 'node:util';
import { findLeaks, megabytes } from './leaks.ts';
import { cases, measure, type Report, type Task } from './measure.ts';

const { values, positionals } = parseArgs({
  options: {
    operations: { type: 'string', default: '1000000' },
    plain: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

function tell(name: string, { marks, seconds }: Report): void {
  const [, early, , late] = marks;
  const heap = marks.map(({ heapBytes }) => megabytes(heapBytes)).join(', ');
  const counted = (['signalListeners', 'timers', 'weakRefs', 'handles'] as const).map(
    (what) => `${what} ${early?.[what]} → ${late?.[what]}`,
  );
  console.log(`${name}: ${seconds.toFixed(0)} s, heap ${heap}; ${counted.join(', ')}`);
}

const total = Number(values.operations);
for (const each of cases) {
  if (!positionals.every((word) => word === each.protocol || word === each.kind)) continue;
  const name = `${each.protocol}, ${total} ${each.kind}`;
  const task: Task = { ...each, total };
  if (values.plain) {
    tell(`plain ${name}`, await measure({ ...task, isPlain: true }));
    continue;
  }
  const { report, leaks, plain } = await findLeaks(task);
  tell(name, report);
  if (plain !== undefined) tell(`  the same without the instrumentation`, plain);
  for (const leak of leaks) console.log(`  LEAK ${leak}`);
  if (leaks.length > 0) process.exitCode = 1;
}
