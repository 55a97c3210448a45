/**
 * A peer written in Go (test/stack/interop/peer), built once for each state of its sources and kept outside of the checkout.
 *
 *   GO_PEER_BINARY      use this one
 *   GO_PEER_CACHE_DIR   keep the built one here
 *   BUILD_GO_PEER=0     never build
 *   CI                  set: a peer that cannot be built is an error, no reason to leave tests out
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Kind } from '../integrations/grpc/service.ts';
import { type FoundProgram, findOrBuild, versionOf } from './go-program.ts';

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

/** One of several calls that are made at the same time over the same connections; see `step` in calls.go. */
export interface Step extends Omit<Scenario, 'address'> {
  readonly address?: string;
  /** Metadata, or headers. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When its caller cancels: when that is there. Never where it is not given. */
  readonly leaveAt?: 'sent' | 'headers' | 'message' | undefined;
  /** A stream of requests is closed after the first. */
  readonly halfClose?: boolean;
  /** Of HTTP. */
  readonly url?: string;
  /** HTTP/2 without TLS. */
  readonly h2c?: boolean;
}

const sources = fileURLToPath(new URL('../stack/interop/peer/', import.meta.url));
const lineLimitMs = 20_000;

export async function findOrBuildPeer(): Promise<FoundProgram> {
  const found = await findOrBuild({
    title: 'Go peer',
    name: 'go-peer',
    version: versionOf(sources),
    moduleDirectory: sources,
    package: '.',
    variables: { binary: 'GO_PEER_BINARY', cache: 'GO_PEER_CACHE_DIR', build: 'BUILD_GO_PEER' },
  });
  if ('unavailable' in found && process.env.CI) throw new Error(found.unavailable);
  return found;
}

/** A running peer, whose stdout is JSON lines and which ends with its stdin. */
class Peer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  /** @param keylog where the keys of its TLS are written */
  constructor(binary: string, args: readonly string[], keylog?: string) {
    const env = keylog === undefined ? process.env : { ...process.env, SSLKEYLOGFILE: keylog };
    this.#child = spawn(binary, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
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

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
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
  /** host:port of net/http with TLS. */
  readonly https: string;
  readonly #peer: Peer;

  private constructor(peer: Peer, addresses: { grpc: string; http: string; https: string }) {
    this.#peer = peer;
    this.grpc = addresses.grpc;
    this.http = addresses.http;
    this.https = addresses.https;
  }

  /** @param keylog where the keys of its TLS are written */
  static async start(binary: string, keylog?: string): Promise<GoServer> {
    const peer = new Peer(binary, ['server'], keylog);
    return new GoServer(peer, (await peer.next()) as { grpc: string; http: string; https: string });
  }

  /** Waits for the next thing that a handler sees. */
  async next(): Promise<Sighting> {
    return (await this.#peer.next()) as Sighting;
  }

  /** SIGSTOP makes it silent, SIGCONT lets it go on. */
  kill(signal?: NodeJS.Signals): void {
    this.#peer.kill(signal);
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

/** A Go client that makes several calls at the same time. */
export class GoCalls {
  readonly #peer: Peer;

  /** @param steps the first of gRPC names the address of all of them */
  constructor(binary: string, steps: readonly Step[], keylog?: string) {
    this.#peer = new Peer(binary, ['calls', JSON.stringify(steps)], keylog);
  }

  /** In the order in which they ended. */
  async ended(): Promise<Ending[]> {
    const endings: Ending[] = [];
    for (;;) {
      const ending = (await this.#peer.next()) as Ending;
      if (ending.status === 'all') return endings;
      endings.push(ending);
    }
  }

  kill(): void {
    this.#peer.kill();
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}
