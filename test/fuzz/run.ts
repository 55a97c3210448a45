/**
 * `npm run fuzz -- [--programs 100000] [--seed n] [--path p]`: random programs, without us and with us. What differs is shrunk to the smallest
 * program, and printed with the seed and the path that find it again.
 */
import { parseArgs } from 'node:util';
import { compareRandomPrograms } from './differential.ts';

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    path: { type: 'string' },
  },
});
const [programs, seed] = [Number(values.programs), Number(values.seed)];
const startedAtMs = performance.now();
console.log(`${programs} programs, seed ${seed}`);
const { uncertain } = await compareRandomPrograms(programs, seed, values.path);
const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
console.log(
  `No difference, in ${seconds} s. ${uncertain} programs do not end the same way each time, and tell nothing.`,
);
