import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from './agent.ts';
import type { Reply, Request, SelfTimes, Usage } from './messages.ts';
import type { SdkLine, SetUp, Workload } from './plan.ts';

export interface Turn {
  client: Usage;
  server: Usage;
}

/** A server and a client process of one set-up. They idle until they are given a turn. */
export class Pair {
  readonly setUp: SetUp;
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;

  /** Of dd-trace, which sends what it has. */
  readonly #agents: Agents | undefined;

  private constructor(setUp: SetUp, launch: Launch, agents: Agents | undefined) {
    this.setUp = setUp;
    this.#agents = agents;
    this.#server = launchChild(launch, agents?.server);
    this.#client = launchChild(launch, agents?.client);
  }

  static async start(setUp: SetUp, workload: Workload, concurrency: number, launch: Launch): Promise<Pair> {
    const agents =
      setUp === 'dd-trace'
        ? {
            server: await Agent.start('server', launch.vendors),
            client: await Agent.start('client', launch.vendors),
          }
        : undefined;
    const pair = new Pair(setUp, launch, agents);
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
    return {
      client: this.#agents?.client.counted(client.usage) ?? client.usage,
      server: this.#agents?.server.counted(server.usage) ?? server.usage,
    };
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
    this.#agents?.client.close();
    this.#agents?.server.close();
  }
}

export interface Launch {
  /** The compiled child program. */
  program: string;
  /** URL of the built package, for the set-ups that load it. */
  packageUrl: string;
  sdk: SdkLine;
  /** Where the set-ups of vendors are installed, if one is wanted. */
  vendors: string | undefined;
}

interface Agents {
  readonly client: Agent;
  readonly server: Agent;
}

function launchChild({ program, packageUrl, sdk, vendors }: Launch, agent?: Agent): ChildProcess {
  // Only what the children need: this process may itself run under a loader, and they must not.
  return fork(program, [], {
    execArgv: [],
    env: {
      PATH: process.env.PATH,
      BENCH_PACKAGE: packageUrl,
      BENCH_SDK: sdk,
      BENCH_VENDORS: vendors,
      BENCH_AGENT: agent?.url,
    },
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
