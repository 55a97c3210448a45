import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { context, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation, type HttpInstrumentationConfig } from '@opentelemetry/instrumentation-http';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  NodeTracerProvider,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { closed, event, HttpLab, read } from '../../support/http-lab.ts';

const exporter = new InMemorySpanExporter();
const [on, off] = [new AlwaysOnSampler(), new AlwaysOffSampler()];
const sampler: Sampler = {
  shouldSample: () => (isSampled ? on : off).shouldSample(),
  toString: () => 'switched by the tests',
};
let isSampled = true;
new NodeTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const official = new HttpInstrumentation();
registerInstrumentations({ instrumentations: [official, new CancellationInstrumentation()] });
const lab = new HttpLab();

describe('node:http, when the official instrumentation makes no span there is none', () => {
  after(() => lab.close());

  const silent: Record<string, HttpInstrumentationConfig> = {
    'ignored by its hooks': { ignoreIncomingRequestHook: () => true, ignoreOutgoingRequestHook: () => true },
    'without a parent': { requireParentforIncomingSpans: true, requireParentforOutgoingSpans: true },
  };
  for (const [name, config] of Object.entries(silent)) {
    it(name, async () => {
      official.setConfig(config);
      await succeedAndCancel();
      official.setConfig({});
      assert.deepEqual(exporter.getFinishedSpans(), []);
    });
  }

  it('not sampled: the trace is continued as the official instrumentation does it', async () => {
    isSampled = false;
    const seen = await succeedAndCancel();
    isSampled = true;
    assert.deepEqual(exporter.getFinishedSpans(), []);
    assert.match(String(seen.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.ok(seen.traceId && String(seen.traceparent).includes(seen.traceId));
  });

  it('and otherwise there is one on each side', async () => {
    await succeedAndCancel();
    assert.equal(exporter.getFinishedSpans().length, 4);
  });
});

/** One request that is answered, and one that is aborted. Returns what the server saw of the first. */
async function succeedAndCancel(): Promise<{
  traceparent?: string | undefined;
  traceId?: string | undefined;
}> {
  const seen: Awaited<ReturnType<typeof succeedAndCancel>> = {};
  const handled = event();
  const left = event();
  const { at } = await lab.serve((request, response) => {
    if (request.url === '/hang') {
      response.on('close', () => setImmediate(left.resolve));
      handled.resolve();
      return;
    }
    seen.traceparent = request.headers.traceparent as string | undefined;
    seen.traceId = trace.getSpan(context.active())?.spanContext().traceId;
    response.end();
  });
  await read(lab.http.get(at));
  const controller = new AbortController();
  const end = closed(lab.http.get({ ...at, path: '/hang', signal: controller.signal }));
  await handled.promise;
  controller.abort();
  await Promise.all([end, left.promise]);
  await new Promise(setImmediate);
  return seen;
}
