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
import { fileURLToPath } from 'node:url';
import { type FoundProgram, findOrBuild, requiredVersion, versionOf } from './go-program.ts';

const moduleDirectory = fileURLToPath(new URL('./collector-module/', import.meta.url));

/** Of the components, and of the image that has them all. */
export const collectorVersion: string = requiredVersion(
  moduleDirectory,
  'go.opentelemetry.io/collector/otelcol',
).slice(1);

export async function findOrBuildCollector(): Promise<FoundProgram> {
  return await findOrBuild({
    title: 'OpenTelemetry Collector',
    name: 'collector',
    version: versionOf(moduleDirectory),
    moduleDirectory,
    package: '.',
    variables: { binary: 'COLLECTOR_BINARY', cache: 'COLLECTOR_CACHE_DIR', build: 'BUILD_COLLECTOR' },
  });
}
