/** The programs that tests of the stack share, had before any of these starts: some of the tests measure time. */
import { fileURLToPath } from 'node:url';
import { findOrBuildCollector } from '../support/collector-binary.ts';
import { findOrBuildPeer } from '../support/go-peer.ts';
import { findOrBuildJaeger } from '../support/jaeger-binary.ts';
import { findOrFetchJars } from '../support/java-server.ts';
import { prepareContainers } from './containers/project.ts';

/** By the file that a test imports to get one. */
const programs: [file: string, get: () => Promise<object>][] = [
  ['../support/jaeger-binary.ts', findOrBuildJaeger],
  ['../support/collector-binary.ts', findOrBuildCollector],
  ['../support/go-peer.ts', findOrBuildPeer],
  ['../support/java-server.ts', () => findOrFetchJars('opensearch')],
  ['../support/java-server.ts', () => findOrFetchJars('kafka')],
  ['./containers/project.ts', prepareContainers],
];

/** Whoever imports one of these needs more than Node. */
export const programFiles: readonly string[] = [
  ...programs.map(([file]) => file),
  '../support/monitoring-tools.ts',
  '../support/databases.ts',
  '../support/chromium.ts',
].map((file) => fileURLToPath(new URL(file, import.meta.url)));

/**
 * Builds or fetches what is not in the cache.
 * @param imported files of the tests that will run, see `reachableFrom`
 */
export async function preparePrograms(imported: ReadonlySet<string>): Promise<void> {
  for (const [file, get] of programs) {
    if (!imported.has(fileURLToPath(new URL(file, import.meta.url)))) continue;
    const found = (await get()) as { unavailable?: string };
    if (found.unavailable === undefined) continue;
    if (process.env.CI) throw new Error(found.unavailable);
    process.stderr.write(`${found.unavailable}\n`);
  }
}
