/**
 * npm run bench:desk -- [--rate 10000] [--seconds 60] [--no-page] [--keep]: how much `cancel-trace view` takes, and how its page
 * does meanwhile. With --keep it is killed at the end, started again, and asked for what it had acknowledged. Linux only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findChromium } from '../../test/support/chromium.ts';
import { usageOf } from '../processes.ts';
import { makeBodies, SPANS_A_REQUEST } from './bodies.ts';
import { watchPage } from './watched-page.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    'no-page': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    prof: { type: 'string' },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'desk-bench-'));
const file = join(folder, 'kept.jsonl');
const agent = new http.Agent({ keepAlive: true });

const bodies = await makeBodies();
const bytes = bodies.map(({ type, fresh }) => `${type} ${Math.round(fresh().length / SPANS_A_REQUEST)}`);
console.log(
  `Node ${process.versions.node}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}; bytes a span: ${bytes.join(', ')}`,
);
let desk = await startDesk(values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`]);
const chromium = findChromium();
const watched =
  values['no-page'] || 'unavailable' in chromium ? undefined : await watchPage(chromium.binary, desk.url);

let acknowledged = 0;
let refused = 0;
let mostUnanswered = 0;
let unanswered = 0;
let isOver = false;
const exportMs: number[] = [];
const apiMs: number[] = [];
const asking = askAgainAndAgain();
const cpuBefore = cpuSecondsOf(desk.child);
const startedAt = performance.now();
const requests = Math.round((rate * seconds) / SPANS_A_REQUEST);
const sent: Promise<void>[] = [];
for (let number = 0; number < requests; number++) {
  const dueMs = (number * SPANS_A_REQUEST * 1_000) / rate;
  const waitMs = dueMs - (performance.now() - startedAt);
  if (waitMs > 0) await delay(waitMs);
  sent.push(send(number));
}
const sentInSeconds = (performance.now() - startedAt) / 1_000;
if (!values.keep) await Promise.all(sent);
const took = (performance.now() - startedAt) / 1_000;
const cpuSeconds = cpuSecondsOf(desk.child) - cpuBefore;
const peakMb = usageOf(desk.child.pid ?? 0).peakBytes / 1_024 ** 2;
isOver = true;
const frames = await watched?.end();

console.log(
  `sent          ${requests * SPANS_A_REQUEST} spans in ${sentInSeconds.toFixed(1)} s, the last answer after ${took.toFixed(1)} s`,
);
console.log(
  `acknowledged  ${acknowledged} spans, ${refused} refused, at most ${mostUnanswered} requests unanswered`,
);
console.log(`an export     ${told(exportMs)}`);
console.log(`an answer     ${told(apiMs)}   of the page's API, one after the other`);
if (frames !== undefined) console.log(`a frame       ${told(frames)}   of the page, in Chromium`);
console.log(
  `CPU           ${((100 * cpuSeconds) / took).toFixed(0)} % of a core; memory ${peakMb.toFixed(0)} MB at most`,
);

if (values.keep) {
  desk.child.kill('SIGKILL');
  await once(desk.child, 'exit');
  await Promise.allSettled([...sent, asking]);
  const again = performance.now();
  desk = await startDesk();
  console.log(`killed, and started again in ${((performance.now() - again) / 1_000).toFixed(1)} s`);
} else await asking;
const { spans, droppedSpans } = (await (await fetch(`${desk.url}/api/state`)).json()) as Record<
  string,
  number
>;
const kept = (spans ?? 0) + (droppedSpans ?? 0);
console.log(`kept          ${spans} spans, and ${droppedSpans} that had to make room: ${kept}`);
desk.child.kill('SIGTERM');
await once(desk.child, 'exit');
agent.destroy();
rmSync(folder, { recursive: true });
console.log(`load ${loadavg()[0]?.toFixed(1)}`);
const isLost = values.keep ? kept < acknowledged : kept !== acknowledged || refused > 0;
if (isLost) {
  console.error(`${acknowledged - kept} spans are lost`);
  process.exitCode = 1;
}

async function startDesk(nodeOptions: string[] = []): Promise<{ url: string; child: ChildProcess }> {
  const options = [
    'view',
    '--json',
    '--port',
    '0',
    '--grpc-port',
    '0',
    ...(values.keep ? ['--keep', file] : []),
  ];
  const child = spawn(process.execPath, [...nodeOptions, main, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout as never, 'data');
  return { url: JSON.parse(line).url, child };
}

async function send(number: number): Promise<void> {
  const body = bodies[number % bodies.length];
  if (body === undefined) return;
  const sentAt = performance.now();
  mostUnanswered = Math.max(mostUnanswered, ++unanswered);
  try {
    const statusCode = await post(body.type, body.fresh());
    exportMs.push(performance.now() - sentAt);
    if (statusCode === 200) acknowledged += SPANS_A_REQUEST;
    else refused += SPANS_A_REQUEST;
  } catch (error) {
    if (!isOver) throw error;
  } finally {
    unanswered--;
  }
}

function post(type: string, body: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const request = http.request(`${desk.url}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode)).once('error', reject);
    });
    request.once('error', (error) => {
      // The server had closed the connection that nobody had used for long: whoever exports tries again.
      if (request.reusedSocket && !isOver) resolve(post(type, body));
      else reject(error);
    });
    request.end(body);
  });
}

/** As a page does that somebody clicks through. */
async function askAgainAndAgain(): Promise<void> {
  const paths = [
    'overview?seconds=300',
    'traces',
    'traces?origin=shop-40&text=seen',
    'lines',
    'deadlines',
    'findings',
    'words',
  ];
  for (let turn = 0; !isOver; turn++) {
    const path = paths[turn % paths.length];
    const askedAt = performance.now();
    try {
      await (await fetch(`${desk.url}/api/${path}`)).arrayBuffer();
    } catch (error) {
      if (!isOver) throw error;
    }
    apiMs.push(performance.now() - askedAt);
    await delay(250);
  }
}

function cpuSecondsOf({ pid }: ChildProcess): number {
  return usageOf(pid ?? 0).cpuMicros / 1e6;
}

function told(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const [median, p99, most] = [0.5, 0.99, 1].map((part) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN).toFixed(0),
  );
  return `median ${median} ms, p99 ${p99} ms, at most ${most} ms`;
}
