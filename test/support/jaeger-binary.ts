/**
 * Where the tests get a real Jaeger from: a binary somebody names, one built earlier, or the Go module.
 *
 * Jaeger publishes container images and no npm package, so without a container engine the Go module is the
 * one way in. Built like that it lacks the web UI (a placeholder page); ingest, storage and search are whole.
 *
 *   JAEGER_BINARY      use this one (INDEX_CLEANER_BINARY: of the index cleaner)
 *   JAEGER_CACHE_DIR   keep the built one here; it takes minutes to build, so the default outlives a checkout
 *   BUILD_JAEGER=0     never build
 */
import { fileURLToPath } from 'node:url';
import { type FoundProgram, findOrBuild, requiredVersion } from './go-program.ts';

/** go.mod and go.sum pin Jaeger and everything below it; `go install` would refuse Jaeger's own replace line. */
const moduleDirectory = fileURLToPath(new URL('./jaeger-module/', import.meta.url));
const module = 'github.com/jaegertracing/jaeger';
const version = requiredVersion(moduleDirectory, module);

/** Of the container images: 1.63.0 of the module was 2.0.0, and from there on they count together. */
export const jaegerVersion: string = version.replace(/^v1\.(\d+)/, (_, minor) => `2.${Number(minor) - 63}`);

export async function findOrBuildJaeger(): Promise<FoundProgram> {
  return await findOrBuild({
    title: 'Jaeger',
    name: 'jaeger',
    version,
    moduleDirectory,
    package: `${module}/cmd/jaeger`,
    variables: { binary: 'JAEGER_BINARY', cache: 'JAEGER_CACHE_DIR', build: 'BUILD_JAEGER' },
  });
}

/** What forgets old days in OpenSearch. Quickly built once Jaeger is. */
export async function findOrBuildIndexCleaner(): Promise<FoundProgram> {
  return await findOrBuild({
    title: "Jaeger's index cleaner",
    name: 'es-index-cleaner',
    version,
    moduleDirectory,
    package: `${module}/cmd/es-index-cleaner`,
    variables: {
      binary: 'INDEX_CLEANER_BINARY',
      cache: 'JAEGER_CACHE_DIR',
      build: 'BUILD_JAEGER',
    },
  });
}
