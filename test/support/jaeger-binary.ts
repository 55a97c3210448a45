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
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, setPriority } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';

export type FoundJaeger = { binary: string } | { unavailable: string };

/** go.mod and go.sum pin Jaeger and everything below it; `go install` would refuse Jaeger's own replace line. */
const moduleDirectory = fileURLToPath(new URL('./jaeger-module/', import.meta.url));
const jaegerPackage = 'github.com/jaegertracing/jaeger/cmd/jaeger';
const buildLimitMs = 40 * 60_000;

export async function findOrBuildJaeger(): Promise<FoundJaeger> {
  const named = process.env.JAEGER_BINARY;
  if (named) {
    // A wrong path must not turn into a skipped test.
    if (!existsSync(named)) throw new Error(`JAEGER_BINARY names no file: ${named}`);
    return { binary: named };
  }
  const binary = cachedBinary();
  if (existsSync(binary)) return { binary };
  if (process.env.BUILD_JAEGER === '0')
    return { unavailable: 'no Jaeger built yet, and BUILD_JAEGER=0 forbids it' };
  return await buildJaeger(binary);
}

function cachedBinary(): string {
  const cache =
    process.env.JAEGER_CACHE_DIR || join(userCache(), 'opentelemetry-instrumentation-cancellation');
  const name = process.platform === 'win32' ? 'jaeger.exe' : 'jaeger';
  // Absolute: go runs in another directory.
  return resolvePath(cache, `jaeger-${pinnedVersion()}`, name);
}

function userCache(): string {
  return process.env.XDG_CACHE_HOME || process.env.LOCALAPPDATA || join(homedir(), '.cache');
}

function pinnedVersion(): string {
  const goMod = readFileSync(join(moduleDirectory, 'go.mod'), 'utf8');
  const version = /github\.com\/jaegertracing\/jaeger (v\S+)/.exec(goMod)?.[1];
  if (version === undefined) throw new Error('jaeger-module/go.mod requires no Jaeger');
  return version;
}

async function buildJaeger(binary: string): Promise<FoundJaeger> {
  const unfinished = `${binary}.${process.pid}`;
  mkdirSync(join(binary, '..'), { recursive: true });
  process.stderr.write(`building Jaeger ${pinnedVersion()} with go into ${binary}: once, for some minutes\n`);
  const startedAt = Date.now();
  const failure = await runGo(['build', '-trimpath', '-ldflags=-s -w', '-o', unfinished, jaegerPackage]);
  if (failure !== undefined) {
    rmSync(unfinished, { force: true });
    return { unavailable: `no Jaeger found and none could be built: ${failure}` };
  }
  // Renamed when complete: two test runs may build at once, and neither may start half a file.
  renameSync(unfinished, binary);
  process.stderr.write(`built Jaeger in ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
  return { binary };
}

/** Resolves to the reason of a failure. */
function runGo(args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const go = spawn('go', args, {
      cwd: moduleDirectory,
      // Nothing of the user's Go settings may change what is built; VCS stamping would want git.
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // Not `timeout`: when go is missing its timer would keep the process alive.
      signal: AbortSignal.timeout(buildLimitMs),
    });
    // The other test files run meanwhile and some measure time.
    if (go.pid !== undefined) setPriority(go.pid, 10);
    let tail = '';
    go.stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-2_000);
    });
    go.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('Go is not installed');
      else resolve(`go build did not finish: ${error.message}`);
    });
    go.once('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal ? `go build was stopped by ${signal}` : `go build failed:\n${tail}`);
    });
  });
}

/** `node --import tsx test/support/jaeger-binary.ts` prints the path: for CI, which builds before it tests. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await findOrBuildJaeger();
  if ('unavailable' in found) {
    process.stderr.write(`${found.unavailable}\n`);
    process.exitCode = 1;
  } else {
    process.stdout.write(`${found.binary}\n`);
  }
}
