/** NodeSDK switches the instrumentations on before it sets its provider: the first job is seen all the same. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../src/index.ts';

it('a job is seen by an instrumentation that was there before the SDK', async () => {
  const instrumentation = new CancellationInstrumentation();
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  await delay(20);
  const tracer = trace.getTracer('a-queue');
  await tracer.startActiveSpan('process', { kind: SpanKind.CONSUMER }, ROOT_CONTEXT, async (span) => {
    const work = delay(5_000, undefined, { signal: AbortSignal.timeout(20) });
    await work.catch((error: Error) => {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    });
    span.end();
  });
  instrumentation.disable();
  assert.equal(exporter.getFinishedSpans()[0]?.attributes.deadline_exceeded, true);
});
