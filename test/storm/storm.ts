/** Starts the application of a storm, without us and with `register`, and tells what became of it and of its spans. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PACKAGE_NAME } from '../../src/version.ts';
import { lostIn, RECEIVERS, startBadReceiver } from '../support/bad-receivers.ts';
import { scriptFile } from '../support/script.ts';
import type { Seen } from './app.ts';

const app = scriptFile('./app.ts', import.meta.url);
const register = fileURLToPath(new URL('../../dist/register.js', import.meta.url));

export interface Storm {
  readonly seen: Seen;
  /** What was written to stderr, line by line, without our name in front. */
  readonly said: readonly string[];
  readonly taken: number;
  /** Spans, as it was said. */
  readonly lost: number;
}

/** @param receiver a name in RECEIVERS; undefined for the application without us */
export async function storm(seconds: number, receiver?: string): Promise<Storm> {
  if (receiver === undefined) return { ...(await run(seconds, [], {})), taken: 0, lost: 0 };
  const bad = await startBadReceiver(RECEIVERS[receiver]);
  try {
    const { seen, said } = await run(seconds, ['--import', register], {
      OTEL_EXPORTER_OTLP_ENDPOINT: bad.url,
    });
    return { seen, said, taken: bad.taken(), lost: lostIn(said.join('\n')) };
  } finally {
    await bad.close();
  }
}

async function run(
  seconds: number,
  flags: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<{ seen: Seen; said: string[] }> {
  const child = spawn(process.execPath, ['--expose-gc', ...flags, app, String(seconds)], {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The application ended with ${code}: ${stderr}`);
  const said = stderr
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(`${PACKAGE_NAME}: `, ''));
  return { seen: JSON.parse(stdout) as Seen, said };
}

/** Spans that wait and are on their way, some thousand of either, and what V8 has not given back. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;
/** A line for each begin and end of an outage that is told, and one at the end. */
const MAX_LINES = 8;

/** What must not be, in words. */
export function faultsOf({ seen, said, taken, lost }: Storm, bare: Storm): string[] {
  const faults: string[] = [];
  const endings = Object.keys(seen.endings).join(' | ');
  const without = Object.keys(bare.seen.endings).join(' | ');
  if (endings !== without) faults.push(`operations end in another way: ${endings}; without us: ${without}`);
  const missing = seen.operations - taken - lost;
  if (missing !== 0)
    faults.push(`${missing} of ${seen.operations} spans are neither exported nor counted: ${said.join(' ')}`);
  const growth = seen.lateBytes - seen.earlyBytes;
  if (growth > MAX_GROWTH_BYTES)
    faults.push(`${growth} bytes more in use at the end than after a quarter of the time`);
  if (said.length > MAX_LINES) faults.push(`${said.length} lines on stderr`);
  return faults;
}
