/** How a process drains, from the first close() of a server on; signals and exits are in test/register. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { CollectedMetrics } from '../../support/collected-metrics.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { closed, event, HttpLab } from '../http/lab.ts';

const metrics = new CollectedMetrics();
const telemetry = new Telemetry(setup, undefined, { meterProvider: metrics.provider });
const { SERVICES } = await import('./services.ts');
type Service = Awaited<ReturnType<(typeof SERVICES)[string]>>;

const opened: Service[] = [];

async function open(kind = 'node:http'): Promise<Service> {
  const service = await SERVICES[kind]?.();
  assert.ok(service);
  opened.push(service);
  return service;
}

const isShutdown = ({ name }: ReadableSpan): boolean => name === 'shutdown';
const shutdowns = (): ReadableSpan[] => telemetry.ended.filter(isShutdown);

function counted({ attributes }: ReadableSpan): unknown[] {
  return ['finished', 'cut', 'other'].map((result) => attributes[`shutdown.${result}`]);
}

async function theShutdown(): Promise<ReadableSpan> {
  await telemetry.allEnded();
  const [span, ...others] = shutdowns();
  assert.ok(span, 'there is a span');
  assert.deepEqual(others, []);
  return span;
}

async function thereIsNone(): Promise<void> {
  await telemetry.allEnded();
  assert.deepEqual(shutdowns(), []);
}

async function until(isSeen: (span: ReadableSpan) => boolean): Promise<void> {
  const giveUpAt = Date.now() + 5_000;
  while (!telemetry.ended.some(isSeen)) {
    assert.ok(Date.now() < giveUpAt, 'never seen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

beforeEach(async () => {
  telemetry.reset();
  await metrics.collect();
});

afterEach(async () => {
  for (const service of opened.splice(0)) service.stop();
  await telemetry.allEnded();
  assert.deepEqual(telemetry.diagnostics, []);
});

after(() => telemetry.instrumentation.disable());

for (const kind of Object.keys(SERVICES)) {
  describe(`a server of ${kind} that is closed`, () => {
    it('has drained when its operations are over, and says what became of them', async () => {
      const service = await open(kind);
      const [answered, left] = [await service.request(), await service.request()];
      const cut = await service.request();
      const beforeMs = Date.now();
      service.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(shutdowns(), [], 'operations are in flight');
      answered.answer();
      left.leave();
      await until(
        ({ kind: side, attributes }) => side === SpanKind.SERVER && attributes['cancel.initiator'] === 'peer',
      );
      assert.deepEqual(shutdowns(), [], 'one is in flight');
      void cut;
      service.cut();
      const span = await theShutdown();
      assert.deepEqual(counted(span), [1, 1, 1]);
      assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: 'operations that were cut: 1' });
      assert.equal(span.kind, SpanKind.INTERNAL);
      assert.equal(span.attributes['shutdown.trigger'], 'close');
      assert.match(String(span.attributes['shutdown.origin']), /close \(.*services\.ts:\d+:\d+\)$/);
      const startMs = hrTimeToMilliseconds(span.startTime);
      assert.ok(startMs >= beforeMs - 1, `${startMs - beforeMs}`);
      const durationMs = hrTimeToMilliseconds(span.duration);
      assert.ok(durationMs >= 49 && durationMs < 5_000, `${durationMs} ms`);
      const [link, ...links] = span.links;
      const cutSpan = telemetry.ended.find(
        ({ kind: side, attributes }) =>
          side === SpanKind.SERVER && attributes['cancel.trigger'] === 'shutdown',
      );
      assert.ok(cutSpan);
      assert.equal(link?.context.spanId, cutSpan.spanContext().spanId);
      assert.notEqual(span.spanContext().traceId, cutSpan.spanContext().traceId);
      assert.deepEqual(links, []);
    });

    it('has not drained when it was idle', async () => {
      const service = await open(kind);
      const request = await service.request();
      request.answer();
      await telemetry.allEnded();
      service.close();
      await thereIsNone();
    });
  });
}

describe('the shutdown of a process', () => {
  it('is over when the last of its servers has drained', async () => {
    const first = await open();
    const second = await open('gRPC');
    const early = await first.request();
    first.close();
    early.answer();
    await thereIsNone();
    const late = await second.request();
    second.close();
    late.answer();
    assert.deepEqual(counted(await theShutdown()), [2, 0, 0]);
  });

  it('is none when a server is closed and opened again', async () => {
    const first = await open();
    const request = await first.request();
    first.close();
    const second = await open();
    request.answer();
    const other = await second.request();
    other.answer();
    await thereIsNone();
    const last = await second.request();
    second.close();
    last.answer();
    assert.deepEqual(counted(await theShutdown()), [1, 0, 0]);
  });

  it('counts what a handler gives up as its own affair', async () => {
    const service = await open();
    const request = await service.request();
    service.close();
    request.giveUp();
    const span = await theShutdown();
    assert.deepEqual(counted(span), [0, 0, 1]);
    assert.equal(span.status.code, SpanStatusCode.UNSET);
  });

  it('begins where all connections are cut before the close()', async () => {
    const service = await open();
    await service.request();
    service.cut();
    service.close();
    assert.deepEqual(counted(await theShutdown()), [0, 1, 0]);
  });

  it('begins with the signal that somebody tells of, and then is told of when nothing was in flight, too', async () => {
    const service = await open();
    const request = await service.request();
    telemetry.instrumentation.shutdownBegins('SIGTERM');
    request.answer();
    await thereIsNone();
    service.close();
    const span = await theShutdown();
    assert.deepEqual(counted(span), [1, 0, 0]);
    assert.equal(span.attributes['shutdown.trigger'], 'SIGTERM');
    assert.equal(span.attributes['shutdown.origin'], undefined);
  });

  it('has at most 16 links', async () => {
    const service = await open();
    await Promise.all(Array.from({ length: 20 }, () => service.request()));
    service.close();
    service.cut();
    const span = await theShutdown();
    assert.deepEqual(counted(span), [0, 20, 0]);
    assert.equal(span.links.length, 16);
    assert.equal(new Set(span.links.map(({ context }) => context.spanId)).size, 16);
  });

  it('is in metrics', async () => {
    const service = await open();
    const request = await service.request();
    await service.request();
    service.close();
    request.answer();
    await new Promise((resolve) => setTimeout(resolve, 20));
    service.cut();
    await theShutdown();
    const collected = await metrics.collect();
    const operations = collected.get('cancellation.shutdown.operations');
    assert.equal(operations?.unit, '{operation}');
    const values = operations?.points.map(({ attributes, value }) => [attributes, value]);
    assert.deepEqual(values, [
      [{ 'shutdown.trigger': 'close', 'shutdown.result': 'finished' }, 1],
      [{ 'shutdown.trigger': 'close', 'shutdown.result': 'cut' }, 1],
    ]);
    const duration = collected.get('cancellation.shutdown.duration');
    assert.equal(duration?.unit, 'ms');
    assert.equal(duration?.points.length, 1);
  });
});

describe('a process that was told to end, before any server is closed', () => {
  it('cuts by destroying connections, as http-terminator and NestJS do', async () => {
    const lab = new HttpLab();
    const handled = event<Socket>();
    const { at } = await lab.serve(({ socket }) => handled.resolve(socket));
    const end = closed(lab.http.get(at));
    const socket = await handled.promise;
    telemetry.instrumentation.shutdownBegins('SIGTERM');
    socket.destroy();
    await end;
    await lab.close();
    await until(({ kind }) => kind === SpanKind.SERVER);
    const served = telemetry.ended.find(({ kind }) => kind === SpanKind.SERVER);
    assert.equal(served?.attributes['cancel.initiator'], 'local');
    assert.equal(served?.attributes['cancel.trigger'], 'shutdown');
    assert.deepEqual(counted(await theShutdown()), [0, 1, 0]);
  });
});
