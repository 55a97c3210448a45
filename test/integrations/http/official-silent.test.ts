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
import { CollectedMetrics, linesOf } from '../../support/collected-metrics.ts';
import { closed, event, HttpLab, read } from './lab.ts';

const exporter = new InMemorySpanExporter();
const [on, off] = [new AlwaysOnSampler(), new AlwaysOffSampler()];
const sampler: Sampler = {
  shouldSample: () => (isSampled ? on : off).shouldSample(),
  toString: () => 'switched by the tests',
};
let isSampled = true;
new NodeTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
const official = new HttpInstrumentation();
const metrics = new CollectedMetrics();
registerInstrumentations({
  instrumentations: [official, new CancellationInstrumentation()],
  meterProvider: metrics.provider,
});
const lab = new HttpLab();

/** Of one request that is answered, and one that is aborted. */
const COUNTED = [
  'outcome=canceled side=client system=http cancel.initiator=local cancel.trigger=abort http.request.method=GET 1',
  'outcome=canceled side=server system=http cancel.initiator=peer cancel.trigger=disconnect http.request.method=GET 1',
  'outcome=completed side=client system=http http.request.method=GET 1',
  'outcome=completed side=server system=http http.request.method=GET 1',
];

describe('node:http, when the official instrumentation makes no span there is none', () => {
  after(() => lab.close());

  const silent: [name: string, config: HttpInstrumentationConfig, counted: readonly string[]][] = [
    [
      'ignored by its hooks, then it does not count either',
      { ignoreIncomingRequestHook: () => true, ignoreOutgoingRequestHook: () => true },
      [],
    ],
    [
      'without a parent',
      { requireParentforIncomingSpans: true, requireParentforOutgoingSpans: true },
      COUNTED,
    ],
  ];
  for (const [name, config, counted] of silent) {
    it(name, async () => {
      official.setConfig(config);
      await succeedAndCancel();
      official.setConfig({});
      assert.deepEqual(exporter.getFinishedSpans(), []);
      assert.deepEqual(linesOf(await metrics.collect(), 'cancellation.operations'), counted);
    });
  }

  it('not sampled: the trace is continued as the official instrumentation does it', async () => {
    isSampled = false;
    const seen = await succeedAndCancel();
    isSampled = true;
    assert.deepEqual(exporter.getFinishedSpans(), []);
    assert.match(String(seen.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.ok(seen.traceId && String(seen.traceparent).includes(seen.traceId));
    assert.deepEqual(linesOf(await metrics.collect(), 'cancellation.operations'), COUNTED);
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
