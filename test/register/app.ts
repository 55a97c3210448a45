/** Applications in processes of their own, with the zero-code entry and a collector to send to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { startReceiver } from '../support/otlp-receiver.ts';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));
export const entry: string = fileURLToPath(new URL('../../dist/register.js', import.meta.url));

/** Starts of programs: `span()` makes one span. */
export const preamble = `
  import { trace } from '@opentelemetry/api';
  const span = (name = 'work') => trace.getTracer('test').startSpan(name).end();
`;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Without the process's id. */
  readonly stderr: string;
  /** How long the process went on after it had last written to stdout, in ms. */
  readonly lingeredMs: number;
}

export interface AppOptions {
  /** Flags of node; by default the entry by --import. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sent when the application writes the word "ready". */
  readonly signal?: NodeJS.Signals;
  /** Whether the program is an ES module, as by default, or CommonJS. */
  readonly isModule?: boolean;
}

/** Runs a program to its end. Only the OTEL_* variables that are given are set. */
export async function runApp(program: string, options: AppOptions = {}): Promise<Ending> {
  const { flags = ['--import', entry], env = {}, cwd = root, signal, isModule = true } = options;
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('OTEL_') && name !== 'NODE_OPTIONS' && name !== 'NODE_TEST_CONTEXT',
  );
  const type = isModule ? ['--input-type=module'] : [];
  const child = spawn(process.execPath, [...flags, ...type, '--eval', program], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let stdout = '';
  let stderr = '';
  let lastWrittenAtMs = performance.now();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lastWrittenAtMs = performance.now();
    const wasReady = stdout.includes('ready');
    stdout += text;
    if (signal !== undefined && !wasReady && stdout.includes('ready')) child.kill(signal);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, endedBy] = await once(child, 'close');
  const lingeredMs = performance.now() - lastWrittenAtMs;
  return { code, signal: endedBy, stdout, stderr: stderr.replaceAll(String(child.pid), 'PID'), lingeredMs };
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly ExportedSpan[];
  /** The requests, as they came. */
  readonly bodies: readonly OtlpRequest[];
  close(): Promise<void>;
}

export interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
  }[];
}

export async function startCollector(): Promise<Collector> {
  const { url, spans, requests, close } = await startReceiver();
  return { url, spans, bodies: requests as OtlpRequest[], close };
}

/** Accepts connections and never answers. */
export async function startSilentCollector(): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: urlOf(server.address()),
    async close() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** Where nobody listens. */
export async function unusedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = urlOf(server.address());
  await once(server.close(), 'close');
  return url;
}

function urlOf(address: unknown): string {
  return `http://127.0.0.1:${(address as { port: number }).port}`;
}

/** One request that is answered, one that is aborted; both sides see the end. */
export const cancellingProgram = `
  import http from 'node:http';
  import { once } from 'node:events';
  let left;
  const leaving = new Promise((resolve) => { left = resolve; });
  const server = http.createServer((request, response) => {
    if (request.url === '/wait') response.on('close', () => setImmediate(left)).write('first part');
    else response.end('done');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = { host: '127.0.0.1', port: server.address().port, agent: false };
  const [answer] = await once(http.get(at), 'response');
  await once(answer.resume(), 'end');
  const waiting = http.get({ ...at, path: '/wait' });
  waiting.on('error', () => {});
  const [partial] = await once(waiting, 'response');
  partial.on('error', () => {});
  waiting.destroy();
  await leaving;
  server.close();
`;
