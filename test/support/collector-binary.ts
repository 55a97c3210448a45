/**
 * Where the tests get a real OpenTelemetry Collector from: a binary somebody names, one built earlier, or Go modules.
 *
 * Built are only the components that deploy/scale-out uses (collector-module/main.go), at the version of the
 * image in its docker-compose.yml. A binary that somebody names may have more, such as the released otelcol-contrib.
 *
 *   COLLECTOR_BINARY      use this one
 *   COLLECTOR_CACHE_DIR   keep the built one here; it takes minutes to build, so the default outlives a checkout
 *   BUILD_COLLECTOR=0     never build
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FoundProgram, findOrBuild, tell } from './go-program.ts';

const moduleDirectory = fileURLToPath(new URL('./collector-module/', import.meta.url));

export async function findOrBuildCollector(): Promise<FoundProgram> {
  return await findOrBuild({
    title: 'OpenTelemetry Collector',
    name: 'collector',
    version: sourcesVersion(),
    moduleDirectory,
    package: '.',
    variables: { binary: 'COLLECTOR_BINARY', cache: 'COLLECTOR_CACHE_DIR', build: 'BUILD_COLLECTOR' },
  });
}

/** Of all that is built: another component needs another binary, though the Collector's version stays. */
function sourcesVersion(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(moduleDirectory).sort())
    hash.update(name).update(readFileSync(join(moduleDirectory, name)));
  return hash.digest('hex').slice(0, 16);
}

/** `node --import tsx test/support/collector-binary.ts` prints the path: for CI, which builds before it tests. */
if (process.argv[1] === fileURLToPath(import.meta.url)) tell(await findOrBuildCollector());
