import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Reply, Request, SelfTimes, Usage } from './messages.ts';
import type { SetUp, Workload } from './plan.ts';

export interface Turn {
  client: Usage;
  server: Usage;
}

/** A server and a client process of one set-up. They idle until they are given a turn. */
export class Pair {
  readonly setUp: SetUp;
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;

  private constructor(setUp: SetUp, server: ChildProcess, client: ChildProcess) {
    this.setUp = setUp;
    this.#server = server;
    this.#client = client;
  }

  static async start(setUp: SetUp, workload: Workload, concurrency: number, launch: Launch): Promise<Pair> {
    const pair = new Pair(setUp, launchChild(launch), launchChild(launch));
    try {
      const { port } = await ask(pair.#server, { do: 'start', role: 'server', setUp, workload }, 'start');
      await ask(pair.#client, { do: 'start', role: 'client', setUp, workload, port, concurrency }, 'start');
      return pair;
    } catch (error) {
      pair.stop();
      throw error;
    }
  }

  async turn(operations: number): Promise<Turn> {
    await ask(this.#server, { do: 'mark' }, 'mark');
    await ask(this.#client, { do: 'mark' }, 'mark');
    await ask(this.#client, { do: 'run', operations }, 'run');
    const [client, server] = await Promise.all([
      ask(this.#client, { do: 'report' }, 'report'),
      ask(this.#server, { do: 'report' }, 'report'),
    ]);
    return { client: client.usage, server: server.usage };
  }

  /** @returns where the CPU was during so many operations */
  async profile(operations: number): Promise<{ client: SelfTimes; server: SelfTimes }> {
    await ask(this.#server, { do: 'profile' }, 'profile');
    await ask(this.#client, { do: 'profile' }, 'profile');
    await ask(this.#client, { do: 'run', operations }, 'run');
    const [client, server] = await Promise.all([
      ask(this.#client, { do: 'profiled' }, 'profiled'),
      ask(this.#server, { do: 'profiled' }, 'profiled'),
    ]);
    return { client: client.times, server: server.times };
  }

  stop(): void {
    this.#client.kill();
    this.#server.kill();
  }
}

export interface Launch {
  /** The compiled child program. */
  program: string;
  /** URL of the built package, for the set-ups that load it. */
  packageUrl: string;
}

function launchChild({ program, packageUrl }: Launch): ChildProcess {
  // Only what the children need: this process may itself run under a loader, and they must not.
  return fork(program, [], {
    execArgv: [],
    env: { PATH: process.env.PATH, BENCH_PACKAGE: packageUrl },
  });
}

type ReplyTo<Done extends Reply['done']> = Extract<Reply, { done: Done }>;

async function ask<Done extends Reply['done']>(
  child: ChildProcess,
  request: Request,
  done: Done,
): Promise<ReplyTo<Done>> {
  const abandon = new AbortController();
  const died = once(child, 'exit', { signal: abandon.signal }).then(([code, signal]) => {
    throw new Error(`A process of the bench ended while it had to ${request.do} (${signal ?? code})`);
  });
  const replied = once(child, 'message', { signal: abandon.signal });
  child.send(request);
  try {
    const [reply] = (await Promise.race([replied, died])) as [Reply];
    if (reply.done === 'failed') throw new Error(reply.error);
    if (reply.done !== done) throw new Error(`Expected ${done}, got ${reply.done}`);
    return reply as ReplyTo<Done>;
  } finally {
    died.catch(() => {});
    replied.catch(() => {});
    abandon.abort();
  }
}
