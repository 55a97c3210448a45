/** What came out, kept in files, since each Node is tested in a process of its own. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagerName, NodeName } from './cache.ts';
import { root } from './tarball.ts';

export class Results<R extends object> {
  readonly #folder: string;
  readonly #keyOf: (result: R) => string;

  /** @param keyOf tells what was tried: when it was tried again, the last result counts */
  constructor(group: string, keyOf: (result: R) => string) {
    this.#folder = join(root, '.cache', group);
    this.#keyOf = keyOf;
  }

  /** @param file one for each process that records */
  record(file: string, result: R): void {
    mkdirSync(this.#folder, { recursive: true });
    appendFileSync(join(this.#folder, `${file}.jsonl`), `${JSON.stringify(result)}\n`);
  }

  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  read(): R[] {
    if (!existsSync(this.#folder)) return [];
    const results = readdirSync(this.#folder)
      .sort()
      .flatMap((name) => readFileSync(join(this.#folder, name), 'utf8').trim().split('\n'))
      .map((line): R => JSON.parse(line));
    return [...new Map(results.map((result) => [this.#keyOf(result), result])).values()];
  }
}

export type SdkName = 'none' | '2.x' | '3.x' | 'both';
export const wayNames = ['console', '--import', '--require', 'NODE_OPTIONS', 'class', 'NodeSDK'] as const;
export type WayName = (typeof wayNames)[number];

export interface Result {
  readonly node: NodeName;
  /** The Node that this name is today. */
  readonly version: string;
  readonly manager: ManagerName;
  /** Of the application, before this package was installed. */
  readonly sdk: SdkName;
  readonly way: WayName;
  /** `passed`, `failed`, or why it cannot work. */
  readonly outcome: string;
}

export const setupResults: Results<Result> = new Results('setups', ({ node, manager, sdk, way }) =>
  [node, manager, sdk, way].join(),
);
