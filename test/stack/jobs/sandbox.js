// A processor of bullmq in a process of its own, which makes the span of its job there, as docs/jobs.md has it. Writes what became
// of the spans of that process into the file that the job names.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from 'opentelemetry-instrumentation-cancellation';

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
new CancellationInstrumentation();

async function inSpan(job, handle) {
  const carrier = JSON.parse(job.opts.telemetry?.metadata ?? '{}');
  const options = { kind: SpanKind.CONSUMER, attributes: { 'messaging.destination.name': job.queueName } };
  const parent = propagation.extract(ROOT_CONTEXT, carrier);
  return await trace.getTracer('orders').startActiveSpan('handle orders', options, parent, async (span) => {
    try {
      return await handle();
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

async function askWarehouse(port, signal) {
  const response = await fetch(`http://127.0.0.1:${port}/stock`, { signal });
  return await response.text();
}

const jobs = {
  async limit({ port }) {
    void askWarehouse(port);
    await delay(5_000, undefined, { signal: AbortSignal.timeout(100) });
  },
  async stops({ port }, signal) {
    await askWarehouse(port, signal);
  },
};

// biome-ignore lint/style/noDefaultExport: bullmq takes that one
export default async function process_(job, _token, signal) {
  const write = () => {
    const spans = exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      kind: span.kind,
      scope: span.instrumentationScope.name,
      status: span.status,
      attributes: span.attributes,
      events: [],
      traceId: span.spanContext().traceId,
    }));
    writeFileSync(job.data.file, JSON.stringify(spans));
  };
  try {
    return await inSpan(job, () => jobs[job.data.job](job.data, signal));
  } finally {
    write();
    // What goes on for nobody.
    setTimeout(write, 700);
  }
}
