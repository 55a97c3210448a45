/** Runs a server beside an OTLP receiver, lets somebody visit it, and tells what it exported and wrote. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportedSpan } from '../../../src/spans/span.ts';
import { startReceiver } from '../../support/otlp-receiver.ts';

export interface Observation {
  readonly spans: readonly ExportedSpan[];
  /** Of stdout and stderr, in the order in which it came. */
  readonly output: string;
  readonly stderr: string;
  /** Exit code or signal. */
  readonly end: string;
}

/** Whether there is nothing more to wait for. */
export type Enough = (spans: readonly ExportedSpan[], output: string) => boolean;
export type Visit = (url: string) => Promise<unknown>;

interface Program {
  readonly line: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly visit: Visit;
  readonly enough: Enough;
}

const startMs = 60_000;
const exportMs = 10_000;

export async function observe({ line, cwd, env, visit, enough }: Program): Promise<Observation> {
  const receiver = await startReceiver();
  const { port, release } = await freePort();
  // `exec`, so that the signal reaches the program, by `env`, which takes variables before a command;
  // a group, so that what it started ends with it.
  const child = spawn('sh', ['-c', `exec env ${line}`], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PORT: String(port),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      ...env,
    },
  });
  let output = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    stderr += chunk;
  });
  const ended = once(child, 'close');
  const killAll = () => signalGroup(child.pid, 'SIGKILL');
  process.once('exit', killAll).once('SIGTERM', exitAtSignal).once('SIGINT', exitAtSignal);
  try {
    if (await listens(port, () => hasEnded(child))) {
      await visit(`http://127.0.0.1:${port}`).catch((error: unknown) => {
        output += `[visit: ${error}]\n`;
      });
      await until(() => enough(receiver.spans, output) || hasEnded(child), exportMs);
    } else output += `[nothing listened on port ${port}]\n`;
  } finally {
    child.kill('SIGTERM');
    const killing = setTimeout(killAll, 5_000);
    await ended;
    clearTimeout(killing);
    killAll();
    process.off('exit', killAll).off('SIGTERM', exitAtSignal).off('SIGINT', exitAtSignal);
    await receiver.close();
    release();
  }
  const end = child.signalCode ?? String(child.exitCode);
  return { spans: receiver.spans, output, stderr, end };
}

/** Without a listener the `exit` event, in which what was started is ended, would not come. */
function exitAtSignal(): void {
  process.exit(1);
}

function hasEnded(child: { exitCode: number | null; signalCode: string | null }): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function listens(port: number, isOver: () => boolean): Promise<boolean> {
  return until(async () => {
    if (isOver()) return undefined;
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isThere;
  }, startMs);
}

/** @returns whether it became true; undefined from the condition means that it never will */
async function until(
  condition: () => boolean | Promise<boolean | undefined>,
  withinMs: number,
): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const isMet = await condition();
    if (isMet !== false) return isMet === true;
    if (performance.now() > endMs) return false;
    await sleep(20);
  }
}

/**
 * Below those that the system gives to whoever asks for any: nobody else gets it while the program starts. And none of another
 * test, which runs at the same time, in this process or another: `release` gives it back.
 */
async function freePort(): Promise<{ port: number; release: () => void }> {
  const folder = join(tmpdir(), 'cancellation-ports');
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const mark = join(folder, String(port));
    try {
      writeFileSync(mark, '', { flag: 'wx' });
    } catch {
      continue; // somebody else's
    }
    const release = () => rmSync(mark, { force: true });
    if (await isFree(port)) return { port, release };
    release();
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isThere = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (isThere) await once(server.close(), 'close');
  return isThere;
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}
