import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { eventually, findTraces, getTrace } from '../../support/jaeger-query.ts';

const service = 'search-test';
const stack = 'Error: enough\n    at giveUp (/app/orders.js:12:34)\n    at async load (/app/orders.js:7:9)';

test('a real Jaeger finds a cancelled span by its tag and shows the stack with its line breaks', async (t) => {
  const found = await findOrBuildJaeger();
  if ('unavailable' in found) return t.skip(found.unavailable);
  const jaeger = await startJaeger(found.binary);
  try {
    const since = new Date(Date.now() - 1_000);
    const cancelledTraceId = await exportSpans(jaeger.otlpHttpUrl);

    const [trace, ...others] = await eventually(async () => {
      const traces = await findTraces(jaeger.queryUrl, {
        service,
        attributes: { 'context.canceled': 'true' },
        since,
      });
      return traces.length > 0 ? traces : undefined;
    }, 'the cancelled span');

    assert.deepEqual(others, [], 'the completed span was found by the tag, too');
    assert.equal(trace?.length, 1);
    const [span] = trace;
    assert.equal(span?.traceId, cancelledTraceId);
    assert.equal(span.serviceName, service);
    assert.equal(span.name, 'GET /orders');
    assert.equal(span.kind, 3);
    assert.equal(span.attributes['context.canceled'], true);
    assert.equal(span.attributes['cancel.stacktrace'], stack);
    assert.equal(span.attributes['deadline.timeout_ms'], 1.5);
    const [event] = span.events;
    assert.equal(event?.name, 'context.canceled');
    assert.deepEqual(event.attributes, { 'code.stacktrace': stack, 'code.line.number': 12 });
    assert.ok(event.timeUnixNano >= span.startTimeUnixNano && event.timeUnixNano <= span.endTimeUnixNano);

    const nothing = { service, attributes: { deadline_exceeded: 'true' }, since };
    assert.deepEqual(await findTraces(jaeger.queryUrl, nothing), []);
    assert.deepEqual(await getTrace(jaeger.queryUrl, 'f'.repeat(32)), []);
  } finally {
    await jaeger.stop();
  }
});

test('traces survive a restart of Jaeger', async (t) => {
  const found = await findOrBuildJaeger();
  if ('unavailable' in found) return t.skip(found.unavailable);
  const dataFolder = mkdtempSync(join(tmpdir(), 'jaeger-restarted-'));
  try {
    const first = await startJaeger(found.binary, { dataFolder });
    const traceId = await exportSpans(first.otlpHttpUrl).finally(() => first.stop());

    const second = await startJaeger(found.binary, { dataFolder });
    try {
      const search = { service, attributes: { 'context.canceled': 'true' } };
      const [trace] = await findTraces(second.queryUrl, search);
      assert.equal(trace?.[0]?.traceId, traceId);
    } finally {
      await second.stop();
    }
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
});

/** One completed span, then, in a trace of its own, a cancelled one; both have left when this resolves. */
async function exportSpans(otlpHttpUrl: string): Promise<string> {
  const exporter = new OTLPTraceExporter({ url: `${otlpHttpUrl}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('search-test');
  tracer.startSpan('GET /stock', { kind: SpanKind.CLIENT }).end();
  const cancelled = tracer.startSpan('GET /orders', { kind: SpanKind.CLIENT });
  cancelled.setAttributes({
    'context.canceled': true,
    'cancel.stacktrace': stack,
    'deadline.timeout_ms': 1.5,
  });
  cancelled.addEvent('context.canceled', { 'code.stacktrace': stack, 'code.line.number': 12 });
  cancelled.end();
  await provider.shutdown();
  return cancelled.spanContext().traceId;
}
