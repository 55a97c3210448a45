/**
 * Where the tests get `docker compose` from: a binary somebody names, one built earlier, or the Go module. Debian packages
 * the engine without it.
 *
 *   COMPOSE_BINARY      use this one
 *   COMPOSE_CACHE_DIR   keep the built one here; it takes minutes to build, so the default outlives a checkout
 *   BUILD_COMPOSE=0     never build
 */
import { fileURLToPath } from 'node:url';
import { type FoundProgram, findOrBuild, versionOf } from './go-program.ts';

/** go.mod and go.sum pin Compose and everything below it; `go install` would refuse Compose's own exclude lines. */
const moduleDirectory = fileURLToPath(new URL('./compose-module/', import.meta.url));

export async function findOrBuildCompose(): Promise<FoundProgram> {
  return await findOrBuild({
    title: 'Docker Compose',
    name: 'docker-compose', // as a plugin of docker has to be called
    version: versionOf(moduleDirectory),
    moduleDirectory,
    package: 'github.com/docker/compose/v2/cmd',
    variables: { binary: 'COMPOSE_BINARY', cache: 'COMPOSE_CACHE_DIR', build: 'BUILD_COMPOSE' },
  });
}
