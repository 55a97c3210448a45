/** What came out, kept in files, since each Node is tested in a process of its own. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagerName, NodeName } from './cache.ts';
import { root } from './tarball.ts';

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

const folder = join(root, '.cache/setups');

export function recordResult(result: Result): void {
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${result.node}.jsonl`), `${JSON.stringify(result)}\n`);
}

export function forgetResults(): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Of what was tried again, the last one. */
export function readResults(): Result[] {
  if (!existsSync(folder)) return [];
  const results = readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line): Result => JSON.parse(line));
  return [...new Map(results.map((result) => [keyOf(result), result])).values()];
}

function keyOf({ node, manager, sdk, way }: Result): string {
  return [node, manager, sdk, way].join();
}
