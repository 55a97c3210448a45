/** Runs programs, and tells all that their applications see. */
import { getEventListeners } from 'node:events';
import { Clients } from './clients.ts';
import type { Program } from './program.ts';
import { Servers } from './servers.ts';
import { deferred, Stage, turns } from './stage.ts';

/** What one side of an operation has seen, in that order. */
export type Log = readonly string[];

export interface Story {
  readonly client: Log;
  readonly server: Log;
}

const LIMIT_MS = 3_000;

export class World {
  readonly #servers: Servers;
  readonly #clients: Clients;
  #nextId = 0;
  readonly #stages: Map<number, Stage>;

  private constructor(servers: Servers, clients: Clients, stages: Map<number, Stage>) {
    this.#servers = servers;
    this.#clients = clients;
    this.#stages = stages;
  }

  static async open(): Promise<World> {
    const stages = new Map<number, Stage>();
    const servers = await Servers.listen((id) => stages.get(id));
    return new World(servers, new Clients(servers.ports), stages);
  }

  async run({ operations, isParallel }: Program): Promise<Story[]> {
    const shared = new AbortController();
    const stages = operations.map((operation) => new Stage(operation, this.#nextId++, shared));
    for (const stage of stages) this.#stages.set(stage.id, stage);
    if (isParallel) await Promise.all(stages.map((stage) => this.#runOne(stage)));
    else for (const stage of stages) await this.#runOne(stage);
    for (const stage of stages) this.#stages.delete(stage.id);
    return stages.map(({ client, server }) => ({ client, server }));
  }

  async #runOne(stage: Stage): Promise<void> {
    const timeout = deferred<void>();
    const timer = setTimeout(() => {
      stage.client.push('HANGS');
      timeout.resolve();
    }, LIMIT_MS);
    const both = this.#clients.run(stage).then(async () => {
      stage.reached('over');
      // One that never came to its handler has nothing to wait for.
      if (stage.server.length > 0) await stage.served;
    });
    await Promise.race([both, timeout.promise]);
    clearTimeout(timer);
    await turns(3);
    stage.client.push(`${getEventListeners(stage.signal, 'abort').length} listen`);
  }

  close(): void {
    this.#clients.close();
    this.#servers.close();
  }
}
