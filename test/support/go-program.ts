/** Where the tests get a server written in Go from: a binary somebody names, one built earlier, or its Go modules. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir, setPriority } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';

export type FoundProgram = { binary: string } | { unavailable: string };

export interface GoProgram {
  /** As it is called in messages. */
  readonly title: string;
  /** Of the binary; with the version, of its folder in the cache too. */
  readonly name: string;
  readonly version: string;
  /** Holds go.mod and go.sum, which pin the program and everything below it. */
  readonly moduleDirectory: string;
  /** What go builds. */
  readonly package: string;
  /** Names of environment variables, see the files that use this one. */
  readonly variables: { readonly binary: string; readonly cache: string; readonly build: string };
}

const buildLimitMs = 40 * 60_000;

export async function findOrBuild(program: GoProgram): Promise<FoundProgram> {
  const { variables, title } = program;
  const named = process.env[variables.binary];
  if (named) {
    // A wrong path must not turn into a skipped test.
    if (!existsSync(named)) throw new Error(`${variables.binary} names no file: ${named}`);
    return { binary: named };
  }
  const binary = cachedBinary(program);
  if (existsSync(binary)) return { binary };
  if (process.env[variables.build] === '0')
    return { unavailable: `no ${title} built yet, and ${variables.build}=0 forbids it` };
  return await buildInto(binary, program);
}

/** Says on one line what takes so long, and how long it took. */
export async function announced<T>(what: string, work: () => Promise<T>): Promise<T> {
  process.stderr.write(`${what} … `);
  const startedAt = Date.now();
  try {
    return await work();
  } finally {
    process.stderr.write(`${Math.round((Date.now() - startedAt) / 1000)} s\n`);
  }
}

/** Of a folder of sources: what is built of them changes with each, though what it is called does not. */
export function versionOf(moduleDirectory: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(moduleDirectory).sort()) {
    hash.update(name).update(readFileSync(join(moduleDirectory, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Of a module that go.mod in this folder requires. */
export function requiredVersion(moduleDirectory: string, module: string): string {
  const lines = readFileSync(join(moduleDirectory, 'go.mod'), 'utf8').split('\n');
  const line = lines.map((text) => text.trim().split(' ')).find(([name]) => name === module);
  if (line?.[1] === undefined) throw new Error(`${join(moduleDirectory, 'go.mod')} requires no ${module}`);
  return line[1];
}

/** Outlives a checkout: what is kept there takes minutes to get. */
export function userCache(): string {
  const cache = process.env.XDG_CACHE_HOME || process.env.LOCALAPPDATA || join(homedir(), '.cache');
  return join(cache, 'opentelemetry-instrumentation-cancellation');
}

function cachedBinary({ name, version, variables }: GoProgram): string {
  const cache = process.env[variables.cache] || userCache();
  // Absolute: go runs in another directory.
  return resolvePath(cache, `${name}-${version}`, process.platform === 'win32' ? `${name}.exe` : name);
}

async function buildInto(binary: string, program: GoProgram): Promise<FoundProgram> {
  const { title, version } = program;
  const unfinished = `${binary}.${process.pid}`;
  mkdirSync(join(binary, '..'), { recursive: true });
  const args = ['build', '-trimpath', '-ldflags=-s -w', '-o', unfinished, program.package];
  const failure = await announced(`building ${title} ${version} with go: once, for some minutes`, () =>
    runGo(args, program.moduleDirectory),
  );
  if (failure !== undefined) {
    rmSync(unfinished, { force: true });
    return { unavailable: `no ${title} found and none could be built: ${failure}` };
  }
  // Renamed when complete: two test runs may build at once, and neither may start half a file.
  renameSync(unfinished, binary);
  return { binary };
}

/** Resolves to the reason of a failure. */
function runGo(args: string[], cwd: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const go = spawn('go', args, {
      cwd,
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
