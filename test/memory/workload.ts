/**
 * Runs many operations in this process, client and server, with the instrumentation on and an exporter
 * that drops, and prints what was left of them. Started by memory.test.ts with --expose-gc.
 */
import { getEventListeners, once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { diag } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../src/index.ts';
import { GrpcService, loadGrpc } from '../integrations/grpc/service.ts';

export interface Report {
  /** Bytes in use after a collection, when a fifth of the operations were done and when all were. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
  /** On the signal that all operations share. */
  readonly listeners: number;
  readonly started: number;
  readonly ended: number;
  readonly cancelled: number;
  readonly connections: number;
  readonly complaints: readonly string[];
}

interface Workload {
  one(index: number): Promise<unknown>;
  connections(): number;
  close(): void;
}

const shared = new AbortController();
const counts = { started: 0, ended: 0, cancelled: 0 };
const complaints: string[] = [];

const dropping: SpanProcessor = {
  onStart: () => {
    counts.started++;
  },
  onEnd: ({ attributes }) => {
    counts.ended++;
    if (attributes['context.canceled'] === true) counts.cancelled++;
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};

async function startHttp(isCancelled: boolean): Promise<Workload> {
  const http = await import('node:http');
  let connections = 0;
  const server = http
    .createServer((request, response) => {
      if (isCancelled) request.resume();
      else response.end('hello');
    })
    .on('connection', () => connections++)
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  async function complete(): Promise<void> {
    const request = http.get({ port, host: '127.0.0.1', agent, signal: shared.signal });
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
  }
  async function cancel(): Promise<void> {
    const own = new AbortController();
    const signal = AbortSignal.any([shared.signal, own.signal]);
    const request = http.get({ port, host: '127.0.0.1', agent: false, signal });
    const [[, response]] = await Promise.all([once(server, 'request'), once(request, 'socket')]);
    const gone = once(response, 'close');
    // Not once(): that rejects at 'error'.
    const closed = new Promise((resolve) => request.on('error', () => {}).on('close', resolve));
    own.abort('user left');
    await Promise.all([closed, gone]);
  }
  return {
    one: isCancelled ? cancel : complete,
    connections: () => connections,
    close() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

async function startGrpc(isCancelled: boolean): Promise<Workload> {
  const service = await new GrpcService(loadGrpc()).listen();
  const client = (await service.client()) as unknown as {
    unary(message: object, done: (error: Error | null) => void): { cancel(): void };
  };
  let heard: (() => void) | undefined;
  if (isCancelled) {
    service.handler = (call, answer) => {
      // As a handler does that notices the cancel: it answers, and nobody listens.
      call.once('cancelled', () => answer({ code: 1, details: 'noticed' }));
      heard?.();
    };
  }
  return {
    one: () =>
      new Promise<void>((resolve, reject) => {
        const call = client.unary({ text: 'hello' }, (error) => {
          if (isCancelled === (error !== null)) resolve();
          else reject(error ?? new Error('not cancelled'));
        });
        if (isCancelled) heard = () => call.cancel();
      }),
    connections: () => 1,
    close: () => service.close(),
  };
}

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await nextTurn();
  }
  return process.memoryUsage().heapUsed;
}

async function main(kind: string, total: number): Promise<Report> {
  const keep = (message: string): number => complaints.push(message);
  diag.setLogger({ error: keep, warn: keep, info() {}, debug() {}, verbose() {} });
  process.on('warning', (warning) => complaints.push(warning.message));
  new NodeTracerProvider({ spanProcessors: [dropping] }).register();
  new CancellationInstrumentation();
  const isCancelled = kind.endsWith('cancelled');
  const workload = kind.startsWith('grpc') ? await startGrpc(isCancelled) : await startHttp(isCancelled);
  const early = Math.floor(total / 5);
  for (let index = 0; index < early; index++) await workload.one(index);
  const earlyBytes = await heapBytes();
  for (let index = early; index < total; index++) await workload.one(index);
  const lateBytes = await heapBytes();
  const report = {
    earlyBytes,
    lateBytes,
    listeners: getEventListeners(shared.signal, 'abort').length,
    ...counts,
    connections: workload.connections(),
    complaints,
  };
  workload.close();
  return report;
}

const [, , kind = '', total = ''] = process.argv;
console.log(JSON.stringify(await main(kind, Number(total))));
