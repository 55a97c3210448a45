/**
 * `npm run test:storm -- [--seconds 60] [receivers by a word of their name]`: a minute of cancel storm for each exporter that is of no
 * use, and one without us to compare with. Ends with 1 when an operation ended in another way than without us, a span is neither
 * exported nor counted as lost, or memory grows.
 */
import { parseArgs } from 'node:util';
import { RECEIVERS } from '../support/bad-receivers.ts';
import { faultsOf, type Storm, storm } from './storm.ts';

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' } },
});
const seconds = Number(values.seconds);
const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

function tell(name: string, { seen, said, taken, lost }: Storm): void {
  const { rounds, abortMs, knownMs, healthyMs, earlyBytes, lateBytes, maxRssBytes } = seen;
  const both = ({ p50, p99 }: { p50: number; p99: number }): string => `${p50} (${p99})`;
  console.log(
    `${name}: ${rounds} rounds; ms, median (99 %): abort ${both(abortMs)}, all know ${both(knownMs)}, healthy request ${both(healthyMs)}; ` +
      `MB: ${megabytes(earlyBytes)} after a quarter, ${megabytes(lateBytes)} at the end, RSS at most ${megabytes(maxRssBytes)}`,
  );
  if (name === 'without us') return;
  console.log(
    `  ${seen.operations} spans: ${taken} exported, ${lost} told as lost; ${said.length} lines on stderr`,
  );
  for (const line of said.slice(0, 4)) console.log(`  | ${line}`);
}

const bare = await storm(seconds);
tell('without us', bare);
for (const receiver of Object.keys(RECEIVERS)) {
  if (words.length > 0 && !words.some((word) => receiver.includes(word))) continue;
  const ours = await storm(seconds, receiver);
  tell(receiver, ours);
  for (const fault of faultsOf(ours, bare)) {
    console.log(`  ! ${fault}`);
    process.exitCode = 1;
  }
}
