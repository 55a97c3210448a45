/** What every set-up must count, whether or not the spans are sampled: metrics do not depend on that. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { closed, event, read } from '../integrations/http/lab.ts';
import { type Collected, CollectedMetrics, histogramsOf, linesOf } from '../support/collected-metrics.ts';
import { type Setup, Telemetry } from '../support/telemetry.ts';
import { metricsCases } from './metrics-cases.ts';

const OPERATIONS = 'cancellation.operations';
const DEVIATION = 'cancellation.deadline.deviation';
const WORK = 'cancellation.work_after_cancel';
const ACTIVE = 'cancellation.work_after_cancel.active';
const WASTED = 'cancellation.wasted';
const FINDINGS = 'cancellation.findings';

export async function metricsSuite(setup: Setup, isSampled: boolean): Promise<void> {
  const metrics = new CollectedMetrics();
  const telemetry = new Telemetry(
    setup,
    { guessLostContext: true },
    {
      meterProvider: metrics.provider,
      ...(isSampled ? {} : { sampler: new AlwaysOffSampler() }),
    },
  );
  const { cases, lab, close } = await metricsCases();

  async function collect(): Promise<Collected> {
    // Both sides have seen the end; an official instrumentation may settle a turn later.
    await delay(20);
    await telemetry.allEnded();
    assert.deepEqual(telemetry.diagnostics, []);
    if (!isSampled) assert.deepEqual(telemetry.ended, []);
    return metrics.collect();
  }

  /** A request that is aborted as soon as the handler has it. */
  async function abandon(port: number): Promise<void> {
    const controller = new AbortController();
    const request = lab.http.get({ host: '127.0.0.1', port, agent: false, signal: controller.signal });
    const end = closed(request);
    await entered.promise;
    controller.abort();
    await end;
  }
  let entered = event();

  describe(`metrics, ${setup}, ${isSampled ? 'sampled' : 'not sampled'}`, () => {
    after(close);
    beforeEach(async () => {
      await collect();
      telemetry.reset();
      entered = event();
    });

    for (const { name, stage, operations, deviation = [], attempts = 1 } of cases) {
      // One that hangs is to be named.
      it(name, { timeout: 20_000 }, async () => {
        for (let attempt = 1; ; attempt++) {
          await stage();
          const collected = await collect();
          try {
            assertLines(linesOf(collected, OPERATIONS), operations);
            assertLines(signedLinesOf(collected, DEVIATION), deviation);
            return;
          } catch (failure) {
            if (attempt === attempts) throw failure;
          }
        }
      });
    }

    it('a handler that goes on counts while it does, and is measured when it stops', async () => {
      const settled = event();
      const { port } = await lab.serve(async (_request, response) => {
        entered.resolve();
        await delay(300);
        response.end();
        setTimeout(settled.resolve, 50);
      });
      await abandon(port);
      await delay(100);
      const during = await metrics.collect();
      assert.deepEqual(linesOf(during, ACTIVE), ['system=http 1']);
      assert.deepEqual(linesOf(during, WORK), []);
      await settled.promise;
      const collected = await collect();
      assert.deepEqual(linesOf(collected, ACTIVE), ['system=http -1']);
      assert.deepEqual(linesOf(collected, WORK), ['system=http http.request.method=GET 1']);
      const [work] = histogramsOf(collected, WORK);
      assert.ok(work?.value.sum !== undefined && work.value.sum > 200, `${work?.value.sum} ms`);
      assert.deepEqual(linesOf(collected, FINDINGS), ['rule=work_after_cancel system=http side=server 1']);
    });

    it('the time that a database is at work for nobody counts, of spans that are recorded', async () => {
      const settled = event();
      const tracer = trace.getTracer('a-database');
      const { port } = await lab.serve(async (_request, response) => {
        const attributes = { 'db.system': 'redis' };
        const spans = [1, 2].map(() => tracer.startSpan('GET', { kind: SpanKind.CLIENT, attributes }));
        entered.resolve();
        await delay(200);
        for (const span of spans) span.end();
        response.end();
        setTimeout(settled.resolve, 50);
      });
      await abandon(port);
      await settled.promise;
      const collected = await collect();
      const [wasted, ...others] = collected.get(WASTED)?.points ?? [];
      assert.deepEqual(others, []);
      assert.deepEqual(
        wasted?.attributes,
        isSampled ? { system: 'http', 'http.request.method': 'GET', spent_on: 'db' } : undefined,
      );
      if (isSampled)
        assert.ok(Number(wasted?.value) > 120 && Number(wasted?.value) < 300, `${wasted?.value} ms`);
      assert.deepEqual(linesOf(collected, FINDINGS).toSorted(), [
        ...(isSampled ? ['rule=cancel_not_propagated system=db side=client 2'] : []),
        'rule=work_after_cancel system=http side=server 1',
      ]);
    });

    it('a finding counts', async () => {
      const backend = await lab.serve((_request, response) => void setTimeout(() => response.end(), 150));
      const gateway = await lab.serve((_request, response) => {
        lab.http.get(backend.at, (answer) => answer.pipe(response));
      });
      await read(lab.http.get({ ...gateway.at, headers: { 'timeout-ms': '50' } }));
      const collected = await collect();
      assert.deepEqual(linesOf(collected, FINDINGS), ['rule=deadline_dropped system=http side=client 1']);
      // The client, too, waited for longer than it had said.
      assertLines(signedLinesOf(collected, DEVIATION), [
        'side=client system=http outcome=completed 1 +',
        'side=server system=http outcome=completed 1 +',
      ]);
    });

    it('a lost context counts where it can be seen', async () => {
      const backend = await lab.serve((_request, response) => void response.end());
      const gateway = await lab.serve(async (request, response) => {
        await (request.url === '/lost'
          ? context.with(ROOT_CONTEXT, () => read(lab.http.get(backend.at)))
          : read(lab.http.get(backend.at)));
        response.end();
      });
      await lab.quietly(() => read(lab.http.get({ ...gateway.at, path: '/kept' })));
      assert.deepEqual(linesOf(await collect(), FINDINGS), []);
      await lab.quietly(() => read(lab.http.get({ ...gateway.at, path: '/lost' })));
      // An official span that is not sampled does not tell whether it has a parent.
      const isSeen = isSampled || setup === 'alone';
      assert.deepEqual(
        linesOf(await collect(), FINDINGS),
        isSeen ? ['rule=context_lost system=http side=client 1'] : [],
      );
    });

    it('what runs for the telemetry itself does not count', async () => {
      const { at } = await lab.serve((_request, response) => void response.end());
      await lab.quietly(() => read(lab.http.get(at)));
      assert.deepEqual(linesOf(await collect(), OPERATIONS), [
        'outcome=completed side=server system=http http.request.method=GET 1',
      ]);
    });

    it('the same provider given twice counts once', async () => {
      const { at } = await lab.serve((_request, response) => void response.end());
      telemetry.instrumentation.setMeterProvider(metrics.provider);
      await read(lab.http.get(at));
      const both = ['client', 'server'].map(
        (side) => `outcome=completed side=${side} system=http http.request.method=GET 1`,
      );
      assert.deepEqual(linesOf(await collect(), OPERATIONS), both);
    });

    it('names, units and attributes are those of the contract', async () => {
      const { port } = await lab.serve(async (request, response) => {
        entered.resolve();
        await new Promise((resolve) => request.on('close', resolve));
        await delay(150);
        response.end();
      });
      await abandon(port);
      await delay(250);
      const units = [...(await collect())].map(([name, { unit }]) => `${name} ${unit}`);
      assert.deepEqual(units.sort(), [
        'cancellation.findings {finding}',
        'cancellation.operations {operation}',
        'cancellation.work_after_cancel ms',
      ]);
    });
  });
}

/** Node counts a timer from the time at which the event loop last looked at the clock: it may fire so much early. */
const EARLY_MS = 30;

/** Lines that end in `-` when all values are in time, in `+` when none is. */
function signedLinesOf(collected: Collected, name: string): string[] {
  const signs = histogramsOf(collected, name).map(({ attributes, value }) => {
    const pairs = Object.entries(attributes).map(([key, label]) => `${key}=${label}`);
    const { min = 0, max = 0, count } = value;
    return [...pairs, count, max < -EARLY_MS ? '-' : min >= -EARLY_MS ? '+' : 'both'].join(' ');
  });
  return signs.sort();
}

/** In an expected line, a value of `*` is one that a race decides. */
function assertLines(actual: readonly string[], expected: readonly string[]): void {
  const masked = actual.map((line, index) => {
    const wanted = (expected[index] ?? '').split(' ');
    const words = line
      .split(' ')
      .map((word, at) => (/^(?:.*=)?\*$/.test(wanted[at] ?? '') ? wanted[at] : word));
    return words.join(' ');
  });
  assert.deepEqual(masked, expected);
}
