/** What came of each combination; of what cannot be, only the Node and the version that needs a newer one. */
import type { NodeName } from '../../setups/support/cache.ts';
import { Results } from '../../setups/support/results.ts';
import type { Combination } from './combinations.ts';

export interface Tried extends Partial<Combination> {
  readonly node: NodeName;
  /** What the names of the combination are today. */
  readonly nodeVersion: string;
  readonly sdkVersion?: string;
  readonly grpcVersion?: string;
  readonly undiciVersion?: string;
  /** `passed`, `failed`, or why it cannot be. */
  readonly outcome: string;
}

export const versionResults: Results<Tried> = new Results('versions', ({ node, sdk, grpc, undici, type }) =>
  [node, sdk, grpc, undici, type].join(),
);
