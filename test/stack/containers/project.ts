/** A compose file, an engine with its images, and what the tests ask about its containers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { findOrMakeBase } from './base-image.ts';
import { type Engine, findEngine, root, startEngine } from './engine.ts';
import { findImages, type Images, makeImages } from './images.ts';

/** Paths from the root of the checkout. */
export const composeFiles = ['docker-compose.yml', 'deploy/scale-out/docker-compose.yml'] as const;

type Service = { image: string; ports?: string[]; ulimits?: { nofile?: number } };

export type Parts = Images & {
  compose: string;
  /** That have an image. */
  services: string[];
  /** Published ones, with their services. */
  ports: Map<number, string>;
  /** How many files each service may open that wants to be allowed more than usual. */
  openFiles: Map<string, number>;
};

type Inspected = {
  RestartCount: number;
  State: { Pid: number; Status: string; StartedAt: string; Health?: { Status: string } };
};

export async function findParts(
  file: (typeof composeFiles)[number],
): Promise<Parts | { unavailable: string }> {
  const { services }: { services: Record<string, Service> } = parse(readFileSync(join(root, file), 'utf8'), {
    merge: true,
  });
  const found = await findEngine();
  const images = 'unavailable' in found ? found : await findImages(imagesOf(services));
  if ('unavailable' in found || 'unavailable' in images) {
    const { unavailable } = images as { unavailable: string };
    if (process.env.CI) throw new Error(unavailable);
    return { unavailable };
  }
  const made = Object.entries(services).filter(([, { image }]) => images.recipes.has(image));
  const published = made.flatMap(([name, { ports = [] }]) =>
    ports.map((port): [number, string] => [Number(port.split(':').at(-2)), name]),
  );
  const openFiles = made.flatMap(([name, { ulimits }]): [string, number][] =>
    ulimits?.nofile === undefined ? [] : [[name, ulimits.nofile]],
  );
  return {
    ...images,
    ...found,
    services: made.map(([name]) => name),
    ports: new Map(published),
    openFiles: new Map(openFiles),
  };
}

/** All that takes long and is kept: before the tests, one line each. */
export async function prepareContainers(): Promise<object | { unavailable: string }> {
  for (const file of composeFiles) {
    const parts = await findParts(file);
    if ('unavailable' in parts) return parts;
  }
  await findOrMakeBase();
  return {};
}

function imagesOf(services: Record<string, Service>): Set<string> {
  return new Set(Object.values(services).map(({ image }) => image));
}

export class Project {
  readonly engine: Engine;
  readonly #files: readonly string[];

  private constructor(engine: Engine, files: readonly string[]) {
    this.engine = engine;
    this.#files = files;
  }

  static async start(file: string, parts: Parts): Promise<Project> {
    const engine = await startEngine(parts.compose, [...parts.ports.keys()]);
    try {
      await makeImages(engine, parts);
      return new Project(engine, [file, ...(await allowedLimits(engine, parts))]);
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  /** Files that change the one of the checkout. */
  get changes(): readonly string[] {
    return this.#files.slice(1);
  }

  /** The same containers, as one more file changes them. */
  with(file: string): Project {
    return new Project(this.engine, [...this.#files, file]);
  }

  /** `docker compose …` */
  async compose(words: string, env?: Record<string, string>): Promise<string> {
    const files = this.#files.flatMap((file) => ['--file', file]);
    return await this.engine.docker(['compose', ...files, ...words.split(' ')], env);
  }

  async inspect(service: string): Promise<Inspected[]> {
    const ids = await this.compose(`ps --all --quiet ${service}`);
    if (ids === '') return [];
    return JSON.parse(await this.engine.docker(['inspect', ...ids.split('\n')]));
  }

  /** Ends the process of a service's one container, as a crash does. `docker kill` would count as a wish to stop. */
  async kill(service: string, signal: 'KILL' | 'TERM', limitMs: number): Promise<void> {
    const [before] = await this.inspect(service);
    if (before === undefined) throw new Error(`${service} has no container`);
    await this.engine.run('kill', [`-${signal}`, String(before.State.Pid)]);
    const giveUpAt = Date.now() + limitMs;
    for (;;) {
      const [now] = await this.inspect(service);
      if (now?.RestartCount === before.RestartCount + 1 && isWell(now)) return;
      if (Date.now() > giveUpAt)
        throw new Error(`${service} did not come back: ${JSON.stringify(now?.State)}`);
      await delay(200);
    }
  }
}

/** A sandbox may allow nobody, root included, to open as many files as a real machine does: then as many as it allows. */
async function allowedLimits(engine: Engine, { openFiles }: Parts): Promise<string[]> {
  const services: Record<string, { ulimits: { nofile: number } }> = {};
  for (const [name, wanted] of openFiles) {
    const allowed = `ulimit -Hn ${wanted} 2> /dev/null; ulimit -Hn`;
    const nofile = Number(await engine.run('bash', ['-c', allowed]));
    if (nofile < wanted) services[name] = { ulimits: { nofile } };
  }
  if (Object.keys(services).length === 0) return [];
  const file = join(engine.folder, 'allowed-limits.yml');
  writeFileSync(file, JSON.stringify({ services })); // YAML takes JSON
  return [file];
}

/** Running, and healthy if anybody asks. */
export function isWell({ State }: Inspected): boolean {
  return State.Status === 'running' && (State.Health?.Status ?? 'healthy') === 'healthy';
}
