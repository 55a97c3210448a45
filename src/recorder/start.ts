/** What is recorded in a process, from now to its end. */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import type { ProcessInfo } from '../recording/format.ts';
import { AsyncWatch } from './async.ts';
import { clockPart } from './clock.ts';
import { cpuPart } from './cpu.ts';
import { PROCESS_FILE } from './files.ts';
import { gcPart } from './gc.ts';
import { LoopWatch, TURN_MS } from './loop.ts';
import { Parts } from './part.ts';
import { ProcessFolder } from './process-folder.ts';
import { nowMs } from './times.ts';

const TICK_MS = 1_000;

/** @throws {Error} when there is no place to write to */
export function start(recording: string, isAsync: boolean): void {
  const folder = new ProcessFolder(recording, process.pid);
  const absent: Record<string, string> = {};
  const info: ProcessInfo = {
    pid: process.pid,
    ppid: process.ppid,
    service: serviceOf(process.env),
    argv: process.argv.map((argument, index) => (index === 0 ? basename(argument) : argument)),
    execArgv: process.execArgv,
    node: process.version,
    startedMs: nowMs(),
    isAsync,
    absent,
  };
  // First of all: what is killed from here on says who it was.
  folder.put(PROCESS_FILE, info);
  const parts = new Parts(absent);
  const loop = new LoopWatch(folder);
  parts.start(clockPart(folder));
  parts.start(cpuPart(folder));
  parts.start(gcPart(folder));
  parts.start(loop);
  watch(folder, parts, loop);
  // Last: what is made here is none of the program's.
  if (isAsync) parts.start(new AsyncWatch(folder));
  if (Object.keys(absent).length > 0) folder.put(PROCESS_FILE, info);
  folder.flush();
  atEnd((how) => {
    parts.end();
    folder.flush();
    folder.put(PROCESS_FILE, { ...info, ...how, endedMs: nowMs() } satisfies ProcessInfo);
  });
}

function watch(folder: ProcessFolder, parts: Parts, loop: LoopWatch): void {
  let tickedMs = nowMs();
  const onTurn = (): void => {
    const hasStood = loop.turn();
    const startedMs = nowMs();
    const isTick = startedMs - tickedMs >= TICK_MS;
    if (!isTick && !hasStood) return;
    if (isTick) {
      tickedMs = startedMs;
      parts.tick();
    }
    folder.flush();
    loop.ownWork(startedMs);
  };
  const timer = setInterval(() => {
    try {
      onTurn();
    } catch {
      // The disk is full, or the folder is gone: there is nothing to record to.
      clearInterval(timer);
    }
  }, TURN_MS);
  timer.unref();
}

type End = Pick<ProcessInfo, 'exitCode' | 'signal'>;

/** By an exit, an error that nobody catches, or a signal that nobody handles: once. */
function atEnd(end: (how: End) => void): void {
  let isOver = false;
  const endOnce = (how: End): void => {
    if (isOver) return;
    isOver = true;
    try {
      end(how);
    } catch {
      // As above.
    }
  };
  try {
    // It needs @opentelemetry/api, which need not be there.
    const { watchProcessEnd } = createRequire(import.meta.url)(
      '../process-end.js',
    ) as typeof import('../process-end.ts');
    watchProcessEnd(({ how }) => endOnce({ signal: String(how().reason) }));
  } catch {
    // A signal ends it as if it were killed.
  }
  // Before those who wait for spans to be sent.
  process.prependListener('exit', (exitCode) => endOnce({ exitCode }));
}

function serviceOf({ OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES = '' }: NodeJS.ProcessEnv): string {
  const named = /(?:^|,)\s*service\.name=([^,]+)/.exec(OTEL_RESOURCE_ATTRIBUTES)?.[1];
  return OTEL_SERVICE_NAME || named || 'unknown_service:node';
}
