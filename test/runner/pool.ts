/** Runs test files, each in a process of its own (instrumentations patch what a process shares), some at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestRecord } from './events.ts';

export type Run = {
  /** Relative to the root. */
  readonly file: string;
  readonly setup: string;
  /** The JavaScript to start. */
  readonly program: string;
};

export type Ended = Run & {
  readonly tests: readonly TestRecord[];
  /** What it wrote. */
  readonly output: string;
  readonly durationMs: number;
  /** Why it failed, beyond its tests: it crashed, say. */
  readonly failure?: string;
};

const limitMinutes = 20;
const killAfterMs = 10_000;

export type PoolSettings = {
  /** The reporter, see events.ts. */
  readonly events: string;
  readonly concurrency: number;
  readonly onStart: (run: Run) => void;
  readonly onEnd: (ended: Ended) => void;
};

export async function runAll(runs: readonly Run[], settings: PoolSettings): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tests-'));
  const processes = new Set<ChildProcess>();
  const stop = (signal: NodeJS.Signals) => {
    for (const child of processes) child.kill(signal);
    rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', stop).off('SIGTERM', stop);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);

  const waiting = runs.map((run, index) => ({ run, results: join(folder, `${index}.jsonl`) }));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      settings.onStart(next.run);
      settings.onEnd(await runOne(next.run, next.results, settings.events, processes));
    }
  };
  await Promise.all(Array.from({ length: settings.concurrency }, worker));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  rmSync(folder, { recursive: true });
}

function runOne(run: Run, results: string, events: string, processes: Set<ChildProcess>): Promise<Ended> {
  const startedAt = performance.now();
  const reporter = [`--test-reporter=${events}`, `--test-reporter-destination=${results}`];
  const child = spawn(process.execPath, ['--enable-source-maps', ...reporter, run.program], {
    env: { ...process.env, SETUP: run.setup },
    stdio: ['ignore', 'pipe', 'pipe'],
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
    child.kill('SIGTERM'); // it stops the servers that it has started
    killTimer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  }, limitMinutes * 60_000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not 'close': a server that outlives its test may hold the streams.
    child.once('exit', (code, signal) => {
      clearTimeout(limitTimer);
      clearTimeout(killTimer);
      processes.delete(child);
      setImmediate(() => {
        const tests = recordsIn(results);
        const failure = isLate
          ? `was not done within ${limitMinutes} minutes`
          : failureOf(tests, code, signal);
        const durationMs = performance.now() - startedAt;
        resolve({ ...run, tests, output, durationMs, ...(failure && { failure }) });
      });
    });
  });
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

function recordsIn(file: string): TestRecord[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    // After the last newline there is nothing, or what a killed process had no time to finish.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as TestRecord);
  } catch {
    return []; // it ended before it had any
  }
}
