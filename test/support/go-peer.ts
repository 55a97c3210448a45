/**
 * A peer written in Go (test/interop/peer), built once for each state of its sources and kept outside of the checkout.
 *
 *   GO_PEER_BINARY      use this one
 *   GO_PEER_CACHE_DIR   keep the built one here
 *   CI                  set: a peer that cannot be built is an error, no reason to leave tests out
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Kind } from './grpc-service.ts';

export type FoundPeer = { binary: string } | { unavailable: string };

/** What a Go handler saw, one line at a time: that it was entered, then what its context ended with. */
export interface Sighting {
  readonly entered?: string;
  readonly saw?: 'context canceled' | 'context deadline exceeded';
  /** Left of the time when it was entered. */
  readonly leftMs?: number;
  readonly traceparent?: string;
}

/** How a call ended for the Go client that made it. */
export interface Ending {
  /** Name of the gRPC code, or the HTTP status if there was one. */
  readonly status: string;
  readonly error: string;
  readonly context: '' | 'context canceled' | 'context deadline exceeded';
}

/** What a Go client is to do; see `scenario` in client.go. */
export interface Scenario {
  /** host:port */
  readonly address: string;
  readonly kind: Kind | 'http';
  readonly timeoutMs?: number;
  /** @default 'context' */
  readonly timeoutBy?: 'context' | 'client';
  /** Deadline headers that its RoundTripper writes. */
  readonly headers?: readonly ('X-Request-Deadline' | 'Timeout-Ms')[];
}

const sources = fileURLToPath(new URL('../interop/peer/', import.meta.url));
const buildLimitMs = 10 * 60_000;
const lineLimitMs = 20_000;

export async function findOrBuildPeer(): Promise<FoundPeer> {
  const named = process.env.GO_PEER_BINARY;
  if (named) {
    // A wrong path must not turn into skipped tests.
    if (!existsSync(named)) throw new Error(`GO_PEER_BINARY names no file: ${named}`);
    return { binary: named };
  }
  const binary = cachedBinary();
  if (existsSync(binary)) return { binary };
  const unfinished = `${binary}.${process.pid}`;
  mkdirSync(dirname(binary), { recursive: true });
  const failure = await build(unfinished);
  if (failure === undefined) {
    // Renamed when complete: test files build at once, and none may start half a file.
    renameSync(unfinished, binary);
    return { binary };
  }
  rmSync(unfinished, { force: true });
  const unavailable = `no Go peer, so nothing was tested against Go: ${failure}`;
  if (process.env.CI) throw new Error(unavailable);
  return { unavailable };
}

function cachedBinary(): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  const userCache = process.env.XDG_CACHE_HOME || process.env.LOCALAPPDATA || join(homedir(), '.cache');
  const cache =
    process.env.GO_PEER_CACHE_DIR || join(userCache, 'opentelemetry-instrumentation-cancellation');
  const name = process.platform === 'win32' ? 'peer.exe' : 'peer';
  // Absolute: go runs in another directory.
  return resolvePath(cache, `go-peer-${hash.digest('hex').slice(0, 16)}`, name);
}

/** Resolves to the reason of a failure. */
function build(output: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Nothing of the user's Go settings may change what is built; VCS stamping would want git.
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' };
    const options = { cwd: sources, env, timeout: buildLimitMs };
    execFile('go', ['build', '-trimpath', '-o', output, '.'], options, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined);
      else if (error.code === 'ENOENT') resolve('Go is not installed');
      else resolve(`go build failed:\n${stderr.slice(-2_000) || error.message}`);
    });
  });
}

/** A running peer, whose stdout is JSON lines and which ends with its stdin. */
class Peer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(binary: string, args: readonly string[]) {
    this.#child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line; fails when there is none. */
  async next(): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the Go peer says nothing')), lineLimitMs);
    });
    const line = await Promise.race([this.#lines.next(), late]).finally(() => clearTimeout(timer));
    if (line.done) throw new Error('the Go peer has ended');
    return JSON.parse(line.value);
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    const gone = exitCode === null && signalCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.stdin.end();
    await gone;
  }
}

export class GoServer {
  /** host:port of grpc-go. */
  readonly grpc: string;
  /** host:port of net/http. */
  readonly http: string;
  readonly #peer: Peer;

  private constructor(peer: Peer, addresses: { grpc: string; http: string }) {
    this.#peer = peer;
    this.grpc = addresses.grpc;
    this.http = addresses.http;
  }

  static async start(binary: string): Promise<GoServer> {
    const peer = new Peer(binary, ['server']);
    return new GoServer(peer, (await peer.next()) as { grpc: string; http: string });
  }

  /** Waits for the next thing that a handler sees. */
  async next(): Promise<Sighting> {
    return (await this.#peer.next()) as Sighting;
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}

/** A Go client in the middle of its one call. */
export class GoClient {
  static readonly #running = new Set<GoClient>();
  readonly #peer: Peer;

  constructor(binary: string, scenario: Scenario) {
    this.#peer = new Peer(binary, ['client', JSON.stringify(scenario)]);
    GoClient.#running.add(this);
  }

  /** Ends those that a failed test has left. */
  static async closeAll(): Promise<void> {
    await Promise.all([...GoClient.#running].map((client) => client.close()));
  }

  /** Makes it cancel the context of its call. */
  cancel(): void {
    this.#peer.tell('cancel');
  }

  async ended(): Promise<Ending> {
    return (await this.#peer.next()) as Ending;
  }

  /** Ends its process in the middle of the call. */
  kill(): void {
    this.#peer.kill();
  }

  close(): Promise<void> {
    GoClient.#running.delete(this);
    return this.#peer.close();
  }
}

/** `node --import tsx test/support/go-peer.ts` prints the path: for CI, which builds before it tests. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await findOrBuildPeer();
  if ('unavailable' in found) {
    process.stderr.write(`${found.unavailable}\n`);
    process.exitCode = 1;
  } else {
    process.stdout.write(`${found.binary}\n`);
  }
}
