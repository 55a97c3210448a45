/**
 * Where the tests get a real Jaeger from: a binary somebody names, one built earlier, or the Go module.
 *
 * Jaeger publishes container images and no npm package, so without a container engine the Go module is the
 * one way in. Built like that it lacks the web UI (a placeholder page); ingest, storage and search are whole.
 *
 *   JAEGER_BINARY      use this one
 *   JAEGER_CACHE_DIR   keep the built one here; it takes minutes to build, so the default outlives a checkout
 *   BUILD_JAEGER=0     never build
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FoundProgram, findOrBuild } from './go-program.ts';

/** go.mod and go.sum pin Jaeger and everything below it; `go install` would refuse Jaeger's own replace line. */
const moduleDirectory = fileURLToPath(new URL('./jaeger-module/', import.meta.url));

export async function findOrBuildJaeger(): Promise<FoundProgram> {
  return await findOrBuild({
    title: 'Jaeger',
    name: 'jaeger',
    version: pinnedVersion(),
    moduleDirectory,
    package: 'github.com/jaegertracing/jaeger/cmd/jaeger',
    variables: { binary: 'JAEGER_BINARY', cache: 'JAEGER_CACHE_DIR', build: 'BUILD_JAEGER' },
  });
}

function pinnedVersion(): string {
  const goMod = readFileSync(join(moduleDirectory, 'go.mod'), 'utf8');
  const version = /github\.com\/jaegertracing\/jaeger (v\S+)/.exec(goMod)?.[1];
  if (version === undefined) throw new Error('jaeger-module/go.mod requires no Jaeger');
  return version;
}
