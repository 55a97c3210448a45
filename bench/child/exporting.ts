// Makes real spans once, then exports them again and again: `exporting.js <kind> <way>`. By the way 'batch' as an
// application does that sets up the SDK by itself, by the way 'thread' as register does.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';

export interface ExportTurn {
  /** User and system time of the whole process, its threads included. */
  cpuMicros: number;
  spans: number;
}

/** Two spans each, so that all fill one export. */
const operations = 256;

const [, , kind, way] = process.argv;
const spans: ReadableSpan[] = [];
await makeSpans();
const processor =
  way === 'batch' ? new BatchSpanProcessor(new OTLPTraceExporter()) : await processorOfRegister();

/** Requests of a client to a server, both in this process. */
async function makeSpans(): Promise<void> {
  const built: typeof import('opentelemetry-instrumentation-cancellation') = await import(
    `${process.env.BENCH_DIST}index.js`
  );
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'bench' }),
    spanProcessors: [
      {
        onStart: () => {},
        onEnd: (span) => spans.push(span),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  provider.register();
  registerInstrumentations({ instrumentations: [new built.CancellationInstrumentation()] });
  const server = http
    .createServer((request, response) => {
      if (request.url === '/done') response.end('done');
      else response.on('close', () => response.end()).write('something');
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let made = 0; made < operations; made++) await operate(port);
  // The server notices a little later that its client has left.
  while (spans.length < 2 * operations) await sleep(10);
  server.close().closeAllConnections();
}

async function operate(port: number): Promise<void> {
  const request = http.get({ port, path: kind === 'done' ? '/done' : '/held' });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  // Not once(): a response that is left fails as well.
  const closed = new Promise((resolve) => response.once('close', resolve));
  if (kind === 'done') response.resume();
  else leave(request, response);
  await closed;
}

/** What the stack of each cancel names. */
function leave(request: http.ClientRequest, response: http.IncomingMessage): void {
  request.on('error', () => {});
  response.on('error', () => {});
  request.destroy();
}

async function processorOfRegister(): Promise<SpanProcessor> {
  type Threads = { ExportThread: new (settings: object, warn: (line: string) => void) => object };
  type Unsent = {
    UnsentSpans: new (thread: object, batch: (exporter: SpanExporter) => SpanProcessor) => SpanProcessor;
  };
  const { ExportThread }: Threads = await import(`${process.env.BENCH_DIST}register/export-thread.js`);
  const { UnsentSpans }: Unsent = await import(`${process.env.BENCH_DIST}register/unsent-spans.js`);
  const base = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const settings = {
    endpoints: { traces: `${base}/v1/traces`, metrics: `${base}/v1/metrics` },
    isQuiet: false,
  };
  const thread = new ExportThread(settings, (line) => console.error(line));
  return new UnsentSpans(thread, (exporter) => new BatchSpanProcessor(exporter));
}

async function turn(exports: number): Promise<ExportTurn> {
  const before = process.cpuUsage();
  for (let done = 0; done < exports; done++) {
    for (const span of spans) processor.onEnd(span);
    await processor.forceFlush();
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system, spans: exports * spans.length };
}

process.on('message', async (exports: number) => process.send?.(await turn(exports)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
