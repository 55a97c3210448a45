/**
 * Does many operations in this process, client and server, with an exporter that drops, and prints what is left of them. Started by
 * measure.ts with --expose-gc.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { diag, SpanKind, trace } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../src/index.ts';
import { startGrpc } from './grpc-load.ts';
import { startFetch, startHttp } from './http-load.ts';
import { startHttp2 } from './http2-load.ts';
import { type Left, leftNow } from './left.ts';
import type { Load } from './load.ts';
import { HELD, type Kind, type Protocol, type Report, type Task } from './measure.ts';

/** As of services: what goes on while others are done. */
const IN_FLIGHT = 8;
/** Of the operations, in per cent. What is made once is made before the second one, and a limit of ours on what never ends is reached. */
const MARKS = [10, 40, 70, 100];
const STALLED_AFTER_MS = 60_000;
/** What is held for a moment, such as the last signal that somebody listened to: a second at most. */
const HELD_FOR_MS = 1_200;

const task = JSON.parse(process.argv[2] ?? '') as Task;
const shared = new AbortController().signal;
// More requests at a time than the ten above which Node warns.
setMaxListeners(0, shared);

const starts: Readonly<Record<Protocol, (shared: AbortSignal) => Promise<Load>>> = {
  http: startHttp,
  fetch: startFetch,
  http2: startHttp2,
  grpc: startGrpc,
};

const operations: Readonly<Record<Kind, (load: Load, index: number) => unknown>> = {
  healthy: (load) => load.complete(),
  cancelled: (load) => load.cancel(),
  mixed: (load, index) => (index % 4 === 0 ? load.cancel() : load.complete()),
  held: (load) => load.complete(),
  forgotten: (load) => load.forget?.(),
};

const spans = { made: 0, open: 0, cancelled: 0 };
const complaints: string[] = [];

function startTelemetry(): void {
  const complain = (message: string): number => complaints.push(message);
  diag.setLogger({ error: complain, warn: complain, info() {}, debug() {}, verbose() {} });
  process.on('warning', ({ name, message }) => {
    // That v8.queryObjects() is one.
    if (name !== 'ExperimentalWarning') complain(message);
  });
  const dropping: SpanProcessor = {
    onStart: ({ kind }) => {
      spans.open++;
      // Work after a cancel has spans, too, if it takes long enough.
      if (kind !== SpanKind.INTERNAL) spans.made++;
    },
    onEnd: ({ attributes }) => {
      spans.open--;
      if (attributes['context.canceled'] === true) spans.cancelled++;
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  new NodeTracerProvider({ spanProcessors: [dropping] }).register();
}

const planted: unknown[] = [];

/** One of everything that can leak. */
function plant(): void {
  planted.push(new Array(2_000).fill(0), new WeakRef({}), trace.getTracer('planted').startSpan('planted'));
  shared.addEventListener('abort', () => {});
  process.on('SIGUSR2', () => {});
  setTimeout(() => {}, 1e9);
}

async function main(): Promise<Report> {
  const { protocol, kind, total, isPlain, isPlanted } = task;
  const startedAtMs = performance.now();
  startTelemetry();
  if (!isPlain) new CancellationInstrumentation();
  const load = await starts[protocol](shared);
  const one = operations[kind];
  if (kind === 'held') for (let count = 0; count < HELD; count++) load.hold();

  let next = 0;
  let seen = 0;
  const watchdog = setInterval(() => {
    if (next === seen) throw new Error(`stalled after ${next} operations`);
    seen = next;
  }, STALLED_AFTER_MS).unref();
  const marks: Left[] = [];
  for (const percent of MARKS) {
    const end = Math.floor((total * percent) / 100);
    const worker = async (): Promise<void> => {
      while (next < end) {
        await one(load, next++);
        if (isPlanted) plant();
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    if (percent === 100) await sleep(HELD_FOR_MS);
    marks.push(await leftNow(shared));
  }
  clearInterval(watchdog);
  const connections = load.connections?.();
  return { marks, spans, connections, complaints, seconds: (performance.now() - startedAtMs) / 1_000 };
}

console.log(JSON.stringify(await main()));
process.exit();
