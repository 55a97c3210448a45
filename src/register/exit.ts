/**
 * Sends what is unsent when the process ends, however it ends: by itself, process.exit(), an uncaught
 * error, or a signal. At that point nothing asynchronous runs any more, so a worker thread does the
 * sending while the main thread waits for it. Exit code, signal and error output stay what they are.
 */
import { Worker } from 'node:worker_threads';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import type { UnsentSpans } from './unsent-spans.ts';

/** How long the end of the process may be held up, in ms. */
const EXIT_LIMIT_MS = 2_000;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export interface ExitWorkerData {
  readonly spans: readonly unknown[];
  /** One Int32: 0 until the worker is done. */
  readonly done: SharedArrayBuffer;
  readonly timeoutMs: number;
}

export function flushAtExit(unsent: UnsentSpans): void {
  process.on('exit', () => sendNow(unsent.take()));
  for (const signal of SIGNALS) {
    process.on(signal, function onSignal() {
      // Somebody else handles the signal and decides when to exit; that end is then seen above.
      if (process.listenerCount(signal) > 1) return;
      sendNow(unsent.take());
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    });
  }
}

function sendNow(spans: readonly ReadableSpan[]): void {
  if (spans.length === 0) return;
  try {
    const done = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const workerData: ExitWorkerData = { spans: spans.map(cloneable), done, timeoutMs: EXIT_LIMIT_MS / 2 };
    const worker = new Worker(new URL('./exit-worker.js', import.meta.url), {
      workerData,
      // Not this entry once more, which the worker would inherit by --import or --require.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    worker.unref();
    Atomics.wait(new Int32Array(done), 0, 0, EXIT_LIMIT_MS);
  } catch {
    // The process is ending: there is nobody left to tell, and nothing may change how it ends.
  }
}

/** What an exporter reads of a span, in a form that can be passed to a thread. */
function cloneable(span: ReadableSpan): unknown {
  return {
    name: span.name,
    kind: span.kind,
    context: plainContext(span.spanContext()),
    parentSpanContext: span.parentSpanContext && plainContext(span.parentSpanContext),
    startTime: span.startTime,
    endTime: span.endTime,
    status: span.status,
    attributes: span.attributes,
    links: span.links.map((link) => ({ ...link, context: plainContext(link.context) })),
    events: span.events,
    duration: span.duration,
    ended: span.ended,
    resource: { attributes: span.resource.attributes, schemaUrl: span.resource.schemaUrl },
    instrumentationScope: { ...span.instrumentationScope },
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function plainContext(context: ReturnType<ReadableSpan['spanContext']>): unknown {
  const { traceId, spanId, traceFlags, isRemote, traceState } = context;
  return { traceId, spanId, traceFlags, isRemote, traceState: traceState?.serialize() };
}
