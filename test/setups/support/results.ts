/** What came out, kept in files, since each Node is tested in a process of its own. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ManagerName, NodeName } from './cache.ts';
import { root } from './tarball.ts';

export type SdkName = 'none' | '2.x' | '3.x';
export type WayName = '--import' | '--require' | 'NODE_OPTIONS' | 'class' | 'NodeSDK';

export interface Result {
  readonly node: NodeName;
  readonly manager: ManagerName;
  /** Of the application, before this package was installed. */
  readonly sdk: SdkName;
  readonly way: WayName;
  readonly hasPassed: boolean;
}

const folder = join(root, '.cache/setups');

export function recordResult(result: Result): void {
  const file = join(folder, `${result.node}.jsonl`);
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

export function forgetResults(): void {
  rmSync(folder, { recursive: true, force: true });
}

export function readResults(): Result[] {
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line): Result => JSON.parse(line));
}
