/** What Next.js does with a request, done by hand: its SERVER span is made late, by its tracer, and sometimes there are two. */
import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { closed, event, type Handler, HttpLab, read } from './lab.ts';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
const ours = new CancellationInstrumentation();
registerInstrumentations({ instrumentations: [ours] });
const lab = new HttpLab();

/** As `next start` says it. */
async function serveAsNext(handler: Handler): ReturnType<HttpLab['serve']> {
  const served = await lab.serve(handler);
  process.env.__NEXT_PRIVATE_ORIGIN = `http://localhost:${served.port}`;
  process.env.PORT = String(served.port);
  return served;
}

/** As its router does, when it is asked to run something. */
async function handleRequest<T>(carrier: object, fn: () => Promise<T>, force = false): Promise<T> {
  await Promise.resolve();
  const parent = propagation.extract(force ? ROOT_CONTEXT : context.active(), carrier);
  return context.with(parent, () =>
    trace
      .getTracer('next.js', '16.4.6')
      .startActiveSpan('GET', { kind: SpanKind.SERVER }, async (span: Span) => {
        try {
          return await fn();
        } finally {
          span.end();
        }
      }),
  );
}

async function cancelledRequest(handle: (headers: object, wait: () => Promise<unknown>) => Promise<unknown>) {
  const handled = event();
  const left = event();
  const { at } = await serveAsNext((request, response) => {
    response.on('close', () => setImmediate(left.resolve));
    return handle(request.headers, async () => {
      handled.resolve();
      await left.promise;
      await sleep(50);
    });
  });
  await lab.quietly(async () => {
    const request = lab.http.get({ ...at, path: '/slow' });
    const end = closed(request);
    await handled.promise;
    request.destroy();
    await Promise.all([end, left.promise]);
  });
  await sleep(100);
}

function servers(): ReadableSpan[] {
  return exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER);
}

describe('a request to Next.js', () => {
  after(() => lab.close());
  afterEach(() => {
    exporter.reset();
    delete process.env.__NEXT_PRIVATE_ORIGIN;
    delete process.env.PORT;
  });

  it('has the SERVER span of Next.js and none of ours, and it is marked', async () => {
    await cancelledRequest((headers, wait) => handleRequest(headers, wait));
    const [span, ...others] = servers();
    assert.deepEqual(others, []);
    assert.equal(span?.instrumentationScope.name, 'next.js');
    assert.equal(span?.attributes['context.canceled'], true);
    assert.equal(span?.attributes['cancel.trigger'], 'disconnect');
  });

  it('with a middleware has two: the one that is under way at the cancel is marked', async () => {
    await cancelledRequest(async (headers, wait) => {
      const carrier = { ...headers };
      await handleRequest(carrier, async () => propagation.inject(context.active(), carrier));
      await handleRequest(carrier, wait, true);
    });
    assert.deepEqual(
      servers().map(({ attributes }) => attributes['context.canceled']),
      [undefined, true],
    );
    assert.equal(servers()[0]?.spanContext().traceId, servers()[1]?.spanContext().traceId);
  });

  it('owns what its handler starts, also behind a middleware', async () => {
    const { at: silent } = await lab.serveRaw(() => {});
    await cancelledRequest(async (headers, wait) => {
      const carrier = { ...headers };
      await handleRequest(carrier, async () => propagation.inject(context.active(), carrier));
      await handleRequest(
        carrier,
        async () => {
          const pending = lab.http.get(silent).on('error', () => {});
          await wait();
          pending.destroy();
        },
        true,
      );
    });
    const marked = servers().find(({ attributes }) => attributes['context.canceled']);
    assert.deepEqual(
      marked?.events.map(({ name }) => name),
      ['context.canceled', 'cancel.pending'],
    );
  });

  it('of which Next.js makes no span has none', async () => {
    const { at } = await serveAsNext((_, response) => response.end('a file'));
    await lab.quietly(() => read(lab.http.get(at)));
    assert.deepEqual(exporter.getFinishedSpans(), []);
  });

  it('on another server of the process has one of ours', async () => {
    await serveAsNext(() => {});
    const { at } = await lab.serve((_, response) => response.end());
    await lab.quietly(() => read(lab.http.get(at)));
    assert.deepEqual(
      servers().map(({ instrumentationScope }) => instrumentationScope.name),
      ['opentelemetry-instrumentation-cancellation'],
    );
  });

  it('leaves the provider and the tracer as they were, once it is switched off', async () => {
    await cancelledRequest((headers, wait) => handleRequest(headers, wait));
    const tracer = provider.getTracer('next.js', '16.4.6');
    assert.equal(Object.hasOwn(provider, 'getTracer'), true);
    assert.equal(Object.hasOwn(tracer, 'startActiveSpan'), true);
    ours.disable();
    assert.equal(Object.hasOwn(provider, 'getTracer'), false);
    assert.equal(Object.hasOwn(tracer, 'startActiveSpan'), false);
    ours.enable();
  });
});
