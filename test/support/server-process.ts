/**
 * A real server's process for one test file: on free loopback ports, awaited until it is ready, never left behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export const loopback = '127.0.0.1';

export type ServerProgram = {
  /** As it is called in errors. */
  name: string;
  binary: string;
  args: string[];
  /** All of its environment: OTEL_* variables of the test would configure the server's own telemetry. */
  env?: Record<string, string>;
  /** Whose process it is. @default ours */
  identity?: { uid?: number; gid?: number };
  /** Answers with a status below 300 once it is ready. */
  readyUrl?: string;
  /** In place of readyUrl, of a server that has none. */
  isReady?: () => Promise<boolean>;
  /** @default 30000 */
  startLimitMs?: number;
};

/** Resolves when it is ready, to what stops it. */
export async function startServer(program: ServerProgram): Promise<() => Promise<void>> {
  const server = spawn(program.binary, program.args, {
    ...program.identity,
    env: program.env ?? {},
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = stopperOf(server);
  let log = '';
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
  });
  try {
    await ready(server, program);
  } catch (error) {
    await stop();
    throw new Error(
      `${program.name} did not start: ${error instanceof Error ? error.message : error}\n${log}`,
    );
  }
  return stop;
}

/** Chooses free ports; once more when somebody else took one before the server did. */
export async function onFreePorts<T>(count: number, start: (ports: number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePorts(count));
    } catch (error) {
      if (attempt === 3 || !String(error).includes('address already in use')) throw error;
    }
  }
}

/** All are held until all are known, so that none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, loopback));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => {
    const address = holder.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return address.port;
  });
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

async function ready(
  server: ChildProcess,
  { readyUrl, isReady = () => answersWell(readyUrl), startLimitMs = 30_000 }: ServerProgram,
): Promise<void> {
  let failure: string | undefined;
  server.once('error', (error) => {
    failure = error.message;
  });
  server.once('close', (code, signal) => {
    failure ??= `it exited with ${code ?? signal}`;
  });
  const giveUpAt = Date.now() + startLimitMs;
  while (failure === undefined) {
    if (await isReady()) return;
    if (Date.now() > giveUpAt) throw new Error(`not ready within ${startLimitMs} ms`);
    await delay(50);
  }
  throw new Error(failure);
}

async function answersWell(url: string | undefined): Promise<boolean> {
  if (url === undefined) throw new Error('a server needs readyUrl or isReady');
  const answer = await fetch(url).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok === true;
}

/** A test that dies must not leave its server behind. */
function stopperOf(server: ChildProcess): () => Promise<void> {
  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const kill = () => server.kill('SIGKILL');
  const passOn = (signal: NodeJS.Signals) => {
    kill();
    process.kill(process.pid, signal);
  };
  process.once('exit', kill).once('SIGINT', passOn).once('SIGTERM', passOn);
  return async () => {
    process.off('exit', kill).off('SIGINT', passOn).off('SIGTERM', passOn);
    if (server.pid === undefined) return;
    server.kill('SIGTERM');
    const killLater = setTimeout(kill, 5_000);
    await closed;
    clearTimeout(killLater);
  };
}
