/** Runs test files, each in a process of its own (instrumentations patch what a process shares), some at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RemarkRecord, TestRecord } from './events.ts';

export type Run = {
  /** Relative to the root. */
  readonly file: string;
  readonly setup: string;
  /** The JavaScript to start. */
  readonly program: string;
};

export type Ended = Run & {
  readonly tests: readonly TestRecord[];
  readonly remarks: readonly string[];
  /** What it wrote. */
  readonly output: string;
  readonly durationMs: number;
  /** Why it failed, beyond its tests: it crashed, say. */
  readonly failure?: string;
};

const killAfterMs = 10_000;
const drainMs = 5_000;

export type PoolSettings = {
  /** Of the JavaScript, see compile.ts. */
  readonly outdir: string;
  readonly concurrency: number;
  /** For one file. */
  readonly limitMinutes: number;
  readonly onStart: (run: Run) => void;
  readonly onEnd: (ended: Ended) => void;
};

export async function runAll(runs: readonly Run[], settings: PoolSettings): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tests-'));
  const processes = new Set<ChildProcess>();
  const stop = (signal: NodeJS.Signals) => {
    for (const child of processes) killGroup(child, signal);
    rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', stop).off('SIGTERM', stop);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);

  const waiting = runs.map((run, index) => ({ run, results: join(folder, `${index}.jsonl`) }));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      settings.onStart(next.run);
      settings.onEnd(await runOne(next.run, next.results, settings, processes));
    }
  };
  await Promise.all(Array.from({ length: settings.concurrency }, worker));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  rmSync(folder, { recursive: true });
}

function runOne(
  run: Run,
  results: string,
  settings: PoolSettings,
  processes: Set<ChildProcess>,
): Promise<Ended> {
  const startedAt = performance.now();
  const reporter = [
    `--test-reporter=${join(settings.outdir, 'test/runner/events.js')}`,
    `--test-reporter-destination=${results}`,
  ];
  const child = spawn(process.execPath, [...reporter, run.program], {
    env: { ...process.env, SETUP: run.setup, COMPILED_TESTS: settings.outdir },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The leader of a group: whatever it starts can be ended with it.
    detached: true,
  });
  processes.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  let isLate = false;
  let killTimer: NodeJS.Timeout | undefined;
  const limitTimer = setTimeout(() => {
    isLate = true;
    killGroup(child, 'SIGTERM');
    killTimer = setTimeout(() => killGroup(child, 'SIGKILL'), killAfterMs);
  }, settings.limitMinutes * 60_000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(limitTimer);
      clearTimeout(killTimer);
      processes.delete(child);
      killGroup(child, 'SIGKILL');
      // What left the group may hold the streams.
      setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), drainMs).unref();
    });
    child.once('close', (code, signal) => {
      const records = recordsIn(results);
      const tests = records.filter((record) => 'names' in record);
      const remarks = records.flatMap((record) => ('remark' in record ? [record.remark] : []));
      const failure = isLate
        ? `was not done within ${settings.limitMinutes} minutes`
        : failureOf(tests, code, signal);
      const durationMs = performance.now() - startedAt;
      resolve({ ...run, tests, remarks, output, durationMs, ...(failure && { failure }) });
    });
  });
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // All of it has ended.
  }
}

function failureOf(
  tests: readonly TestRecord[],
  code: number | null,
  signal: string | null,
): string | undefined {
  if (tests.some(({ failure }) => failure !== undefined)) return undefined;
  if (code !== 0) return `its process ended with ${code ?? signal}`;
  return tests.length === 0 ? 'has no test' : undefined;
}

function recordsIn(file: string): (TestRecord | RemarkRecord)[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    // After the last newline there is nothing, or what a killed process had no time to finish.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as TestRecord | RemarkRecord);
  } catch {
    return []; // it ended before it had any
  }
}
