/** What an application may run on: which combinations there are, which cannot be, and which are tried. */
import { isOlder, type NodeName } from '../../setups/support/cache.ts';
import type { ModuleType } from '../../setups/support/shop.ts';
import { pairwise } from './pairwise.ts';

/** A version is that one, the first that is supported; anything shorter is the newest of its line. */
export const factors = {
  node: ['20', '22', '24', '26'],
  sdk: ['2.x', '3.x'],
  grpc: ['1.9.0', '1.9', '1.10', '1.11', '1.12', '1.13', '1'],
  undici: ['6.0.0', '6', '7.0.0', '7', '8.0.0', '8'],
  type: ['commonjs', 'module'],
} as const;

export interface Combination {
  readonly node: NodeName;
  readonly sdk: (typeof factors.sdk)[number];
  readonly grpc: (typeof factors.grpc)[number];
  readonly undici: (typeof factors.undici)[number];
  readonly type: ModuleType;
}

/** A version that asks for a newer Node, as npm would say. */
export interface Need {
  readonly factor: 'sdk' | 'undici';
  readonly version: string;
  readonly package: string;
  readonly node: string;
}

const needs: readonly Need[] = [
  { factor: 'sdk', version: '3.x', package: '@opentelemetry/sdk-trace@^3.1.0', node: '22.15.0' },
  { factor: 'undici', version: '8.0.0', package: 'undici@8.0.0', node: '22.19.0' },
  { factor: 'undici', version: '8', package: 'undici@8', node: '22.19.0' },
];

/** Why not all combinations can be on this Node. */
export function needsMissing(node: NodeName): readonly Need[] {
  return needs.filter((need) => isOlder(node, need.node));
}

/** Each that can be, where the environment has ALL_VERSIONS; else so many that each two versions that can meet do. */
export function combinationsOn(node: NodeName): readonly Combination[] {
  const possible = (node === 'given' ? ['given' as const] : factors.node).flatMap(possibleOn);
  const chosen = process.env.ALL_VERSIONS === 'true' ? possible : pairwise(possible);
  return chosen.filter((combination) => combination.node === node);
}

function possibleOn(node: NodeName): Combination[] {
  const missing = needsMissing(node);
  return factors.sdk
    .flatMap((sdk) =>
      factors.grpc.flatMap((grpc) =>
        factors.undici.flatMap((undici) => factors.type.map((type) => ({ node, sdk, grpc, undici, type }))),
      ),
    )
    .filter((combination) => missing.every(({ factor, version }) => combination[factor] !== version));
}
