/**
 * An application in a cancel storm: 256 operations in flight, all cancelled at once, again and again. What it has seen is printed at
 * the end. It knows nothing of us; storm.ts starts it without us and with `register`.
 */
import { once, setMaxListeners } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GrpcService, loadGrpc, type Message } from '../integrations/grpc/service.ts';

/** In flight at a time, by client. */
const IN_FLIGHT = { http: 96, fetch: 64, grpc: 96 } as const;
const OPERATIONS = IN_FLIGHT.http + IN_FLIGHT.fetch + IN_FLIGHT.grpc;

/** What the application has seen. */
export interface Seen {
  readonly rounds: number;
  /** Client and server side of each, the healthy ones included. */
  readonly operations: number;
  /** How the operations of a round ended, with how many rounds did so. */
  readonly endings: Readonly<Record<string, number>>;
  readonly abortMs: Percentiles;
  /** From the cancel until all clients and handlers know. */
  readonly knownMs: Percentiles;
  /** Of a request that nobody cancels, right after the storm. */
  readonly healthyMs: Percentiles;
  /** In use after a collection, buffers included: when a quarter of the time is over, and at the end. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
  readonly maxRssBytes: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number =>
    Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2));
  return { p50: at(0.5), p99: at(0.99) };
}

/** Counts down, and tells when there is nothing left. */
class Countdown {
  readonly over: Promise<void>;
  #left: number;
  #isOver: () => void = () => {};

  constructor(count: number) {
    this.#left = count;
    this.over = new Promise((resolve) => {
      this.#isOver = resolve;
    });
  }

  one(): void {
    if (--this.#left === 0) this.#isOver();
  }
}

interface Handled {
  readonly begun: Countdown;
  readonly left: Countdown;
}

let handled: Handled = { begun: new Countdown(0), left: new Countdown(0) };

async function main(seconds: number): Promise<Seen> {
  const server = http.createServer((request, response) => {
    if (request.url === '/healthy') {
      response.end('well');
      return;
    }
    const { begun, left } = handled;
    response.on('close', () => left.one());
    begun.one();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const service = await new GrpcService(loadGrpc()).listen();
  service.handler = (call) => {
    const { begun, left } = handled;
    call.once('cancelled', () => left.one());
    begun.one();
  };

  const endings: Record<string, number> = {};
  const times = { abort: [] as number[], known: [] as number[], healthy: [] as number[] };
  const endsAtMs = performance.now() + seconds * 1_000;
  const quarterAtMs = performance.now() + seconds * 250;
  let earlyBytes = 0;
  while (performance.now() < endsAtMs) {
    const ending = await round(service, port, times);
    endings[ending] = (endings[ending] ?? 0) + 1;
    if (earlyBytes === 0 && performance.now() > quarterAtMs) earlyBytes = await bytesInUse();
  }
  const lateBytes = await bytesInUse();
  server.close().closeAllConnections();
  service.close();
  const rounds = times.abort.length;
  return {
    rounds,
    operations: 2 * rounds * (OPERATIONS + 1),
    endings,
    abortMs: percentiles(times.abort),
    knownMs: percentiles(times.known),
    healthyMs: percentiles(times.healthy),
    earlyBytes,
    lateBytes,
    maxRssBytes: process.resourceUsage().maxRSS * 1_024,
  };
}

type Times = Record<'abort' | 'known' | 'healthy', number[]>;

/** @returns how its operations ended: by client, error and how many */
async function round(service: GrpcService, port: number, times: Times): Promise<string> {
  handled = { begun: new Countdown(OPERATIONS), left: new Countdown(OPERATIONS) };
  const { begun, left } = handled;
  const controller = new AbortController();
  const { signal } = controller;
  setMaxListeners(0, signal);
  const counts = new Map<string, number>();
  const ended = new Countdown(OPERATIONS);
  const end = (client: string, error: unknown): void => {
    const { name, code } = Object(error) as { name?: string; code?: unknown };
    const key = `${client} ${name} ${code}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    ended.one();
  };
  // Node's HTTP/2 server closes a session whose client resets more than a thousand streams.
  const client = await service.client(service.address, { 'grpc.use_local_subchannel_pool': 1 });
  const unary = Reflect.get(client, 'unary').bind(client) as (
    message: Message,
    done: (error: Error | null) => void,
  ) => { cancel(): void };

  for (let index = 0; index < IN_FLIGHT.http; index++)
    http.get({ host: '127.0.0.1', port, path: '/storm', signal }).on('error', (error) => end('http', error));
  for (let index = 0; index < IN_FLIGHT.fetch; index++)
    fetch(`http://127.0.0.1:${port}/storm`, { signal }).catch((error) => end('fetch', error));
  const calls = Array.from({ length: IN_FLIGHT.grpc }, () =>
    unary({ text: 'storm' }, (error) => end('grpc', error)),
  );
  await begun.over;

  const beganAtMs = performance.now();
  controller.abort();
  for (const call of calls) call.cancel();
  times.abort.push(performance.now() - beganAtMs);
  await Promise.all([ended.over, left.over]);
  times.known.push(performance.now() - beganAtMs);

  client.close();
  const askedAtMs = performance.now();
  const text = await (await fetch(`http://127.0.0.1:${port}/healthy`)).text();
  times.healthy.push(performance.now() - askedAtMs);
  counts.set(text, 1);
  return [...counts]
    .map(([key, count]) => `${key}: ${count}`)
    .toSorted()
    .join(', ');
}

async function bytesInUse(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc?.();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

console.log(JSON.stringify(await main(Number(process.argv[2]))));
