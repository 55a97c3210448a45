/** Runs a program for a while, with the inspector preloaded, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PACKAGE_NAME } from '../../version.ts';
import { onEndSignal } from '../interrupts.ts';
import { notStarted } from '../not-started.ts';
import { DOCTOR_VARIABLE, type InspectorOrder, type ProcessReport } from './process-report.ts';

export interface Observed {
  /** Of each Node.js process of it. */
  readonly reports: readonly ProcessReport[];
  /** How it ended by itself: an exit code or a signal. Undefined: it was ended. */
  readonly ended: string | undefined;
  /** It did not end by SIGTERM. */
  readonly isKilled: boolean;
}

/** For a busy process to come to its report. */
const GRACE_MS = 3_000;
/** From the first report on, for those of other processes. */
const OTHERS_MS = 300;
/** For an orderly end, after SIGTERM. */
const END_MS = 10_000;
const LOOK_MS = 50;

/**
 * What it writes goes to our stderr: stdout is what the doctor says.
 * @throws {UserError} when it cannot be started
 */
export async function observe(command: readonly string[], forMs: number): Promise<Observed> {
  const folder = mkdtempSync(join(tmpdir(), 'cancel-trace-doctor-'));
  const enough = new AbortController();
  // Whoever ends us wants the program to end. What it has said by then is judged.
  const stop = onEndSignal(() => enough.abort());
  try {
    const child = await start(command, environmentFor({ folder, atMs: Date.now() + forMs }));
    const exit = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
    const up = wait(forMs, undefined, enough).then(() => reportsCome(folder, enough.signal));
    const ended = await Promise.race([exit, up.catch(() => undefined)]);
    enough.abort();
    const isKilled = ended === undefined && !(await end(child, exit));
    const reports = reportsIn(folder);
    for (const { pid, isEnding } of reports) if (!isEnding) kill(pid, 'SIGTERM');
    return { reports, ended, isKilled };
  } finally {
    stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(
  [command = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['inherit', 2, 2], env });
  try {
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw notStarted(command, error as NodeJS.ErrnoException);
  }
}

async function reportsCome(folder: string, signal: AbortSignal): Promise<undefined> {
  const untilMs = performance.now() + GRACE_MS;
  while (reportsIn(folder).length === 0 && performance.now() < untilMs) {
    await wait(LOOK_MS, undefined, { signal });
  }
  await wait(OTHERS_MS, undefined, { signal });
}

/** @returns false: it had to be killed */
async function end({ pid }: ChildProcess, exit: Promise<unknown>): Promise<boolean> {
  kill(pid, 'SIGTERM');
  const late = new AbortController();
  const isInTime = await Promise.race([exit.then(() => true), wait(END_MS, false, late).catch(() => false)]);
  late.abort();
  if (!isInTime) kill(pid, 'SIGKILL');
  await exit;
  return isInTime;
}

/** One that has ended by now is none to kill. */
function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {}
}

function reportsIn(folder: string): ProcessReport[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ProcessReport);
}

function environmentFor(order: InspectorOrder): NodeJS.ProcessEnv {
  const { NODE_OPTIONS = '' } = process.env;
  return {
    ...process.env,
    // First of all: it is to hear what the others say.
    NODE_OPTIONS: `--require ${JSON.stringify(inspectorFile())} ${NODE_OPTIONS}`.trim(),
    [DOCTOR_VARIABLE]: JSON.stringify(order),
  };
}

function inspectorFile(): string {
  const register = import.meta.resolve(`${PACKAGE_NAME}/register`);
  return fileURLToPath(new URL('cli/inspector.cjs', register));
}
