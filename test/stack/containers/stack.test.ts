/**
 * docker-compose.yml, as it is, on a real container engine: the commands of docs/stack.md, asked through the published
 * ports what comes of them. What is in the images is said by the tests.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { eventually, findTraces, getTrace, type JaegerSpan } from '../../support/jaeger-query.ts';
import { copyInAHurry } from '../../support/monitoring.ts';
import { firingAlerts, query } from '../../support/prometheus-query.ts';
import { searchOf } from '../jaeger-ui.ts';
import { isOnLoopbackOnly, leavesNothing, startsWell } from './checks.ts';
import { onEngine } from './on-engine.ts';

const limitMs = 120_000;

function servicesOf(trace: readonly JaegerSpan[]): string[] {
  return [...new Set(trace.map(({ serviceName }) => serviceName))].sort();
}

await onEngine('docker-compose.yml', (started, parts) => {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'));
  after(() => rmSync(folder, { recursive: true }));
  let [jaeger, prometheus, alertmanager] = ['', '', ''];
  before(() => {
    jaeger = started.urlOf(16686);
    prometheus = started.urlOf(9090);
    alertmanager = started.urlOf(9093);
  });

  it('`up -d jaeger` starts Jaeger alone', async () => {
    await started.project.compose('up -d --wait jaeger');
    assert.equal(await started.project.compose('ps --all --services'), 'jaeger');
  });

  it('`--profile shop up -d` starts all, healthy, at the first attempt', async (t) => {
    await startsWell(t, started.project, '--profile shop up -d', parts.services);
  });

  it('can be reached on the loopback interface only', async () => {
    await isOnLoopbackOnly(started.project, parts);
  });

  it('takes the spans of a program outside, which visits the shop: one trace, through all containers', async () => {
    const visits = await started.project.engine.run(
      process.execPath,
      ['--import', 'opentelemetry-instrumentation-cancellation/register', 'examples/shop/load.js'],
      { OTEL_SERVICE_NAME: 'visitor', GATEWAY_URL: 'http://localhost:3000' },
    );
    assert.match(visits, /^GET {2}\/stock\/lamp +200$/m); // what needs all of the shop
    const trace = await eventually(
      async () => {
        const attributes = { 'cancel.initiator': 'local' };
        const traces = await findTraces(jaeger, { service: 'visitor', attributes });
        return traces.find((spans) => servicesOf(spans).length === 4);
      },
      'a visit that was cancelled',
      limitMs,
    );
    assert.deepEqual(servicesOf(trace), ['gateway', 'orders', 'stock', 'visitor']);
    const visitor = trace.find(({ serviceName }) => serviceName === 'visitor');
    assert.match(String(visitor?.attributes['cancel.origin']), /^leave\w+ \(.*examples\/shop\/load\.js:\d+/);
  });

  for (const service of ['browser', 'gateway', 'orders', 'stock']) {
    it(`Jaeger finds cancelled traces of ${service}`, async () => {
      const traces = await eventually(
        async () => {
          const some = await findTraces(jaeger, {
            service,
            attributes: { 'context.canceled': 'true' },
            limit: 2,
          });
          return some.length > 0 ? some : undefined;
        },
        'a cancelled trace',
        limitMs,
      );
      for (const spans of traces) {
        const cancelled = spans.filter(({ attributes }) => attributes['context.canceled'] === true);
        assert.ok(cancelled.some(({ serviceName }) => serviceName === service));
      }
    });
  }

  it('Prometheus counts the cancels, of spans and by the services themselves', async () => {
    for (const series of [
      'traces_span_metrics_calls_total{context_canceled="true"}',
      'cancellation_operations_total{outcome="canceled"}',
    ]) {
      const services = await eventually(
        async () => {
          const samples = await query(prometheus, `sum by (service_name) (${series}) > 0`);
          const names = samples.map(({ labels }) => labels.service_name).filter((name) => name !== 'visitor');
          return names.length === 4 ? names : undefined;
        },
        series,
        limitMs,
      );
      assert.deepEqual(services.sort(), ['browser', 'gateway', 'orders', 'stock']);
    }
  });

  it('Alertmanager hears from Prometheus', async () => {
    await eventually(
      async () => (await firingAlerts(alertmanager)).find(({ labels }) => labels.alertname === 'Watchdog'),
      'Watchdog',
      limitMs,
    );
  });

  it('a Jaeger that crashes comes back with its traces', async () => {
    const kept = await cancelledTrace();
    await started.project.kill('jaeger', 'KILL', limitMs);
    assert.equal((await getTrace(jaeger, kept.traceId)).length, kept.spans);
    const newest = await newestTrace();
    await eventually(
      async () => ((await newestTrace()) === newest ? undefined : true),
      'a trace that is new',
      limitMs,
    );
  });

  it('a Prometheus that crashes comes back with its series', async () => {
    const since = await firstSampleAt();
    await started.project.kill('prometheus', 'KILL', limitMs);
    assert.equal(await firstSampleAt(), since);
  });

  it('an Alertmanager that is ended comes back with its silences', async () => {
    const silence = await silenceWatchdog();
    await started.project.kill('alertmanager', 'TERM', limitMs);
    const silences = (await (await fetch(`${alertmanager}/api/v2/silences`)).json()) as { id: string }[];
    assert.deepEqual(
      silences.map(({ id }) => id),
      [silence],
    );
  });

  it('a service of the shop that crashes comes back', async () => {
    await started.project.kill('gateway', 'KILL', limitMs);
    const answer = await fetch(`${started.urlOf(3000)}/stock/lamp`);
    assert.equal(answer.status, 200);
  });

  it('`down` and `up -d` make new containers of the old data, and alerts of it lead to traces', async () => {
    const [kept, since] = [await cancelledTrace(), await firstSampleAt()];
    await started.project.compose('--profile shop down');
    assert.equal(await started.project.engine.docker(['ps', '--all', '--quiet']), '');

    // The rules as they are deployed, but nothing in them waits for longer than a second.
    const rules = join(folder, 'prometheus');
    mkdirSync(rules);
    copyInAHurry(rules);
    const override = join(folder, 'hurry.yml');
    const prometheusInAHurry = { volumes: [`${rules}:/etc/prometheus:ro`] };
    writeFileSync(override, JSON.stringify({ services: { prometheus: prometheusInAHurry } })); // YAML takes JSON
    await started.project.with(override).compose(`--profile shop up -d --wait ${parts.services.join(' ')}`);
    assert.equal((await getTrace(jaeger, kept.traceId)).length, kept.spans);
    assert.equal(await firstSampleAt(), since);

    const alert = await eventually(
      async () =>
        (await firingAlerts(alertmanager)).find(
          ({ labels }) => labels.alertname === 'CancelRateFastBurn' && labels.service_name === 'gateway',
        ),
      'CancelRateFastBurn of the gateway',
      limitMs,
    );
    const traces = await findTraces(jaeger, searchOf(alert.annotations.jaeger ?? ''));
    assert.ok(traces.flat().some(({ attributes }) => attributes['cancel.origin'] !== undefined));
  });

  it('`down -v` leaves nothing', async () => {
    await leavesNothing(started.project, '--profile shop down -v');
  });

  /** One of the gateway that is older than others: all its spans have come. */
  async function cancelledTrace(): Promise<{ traceId: string; spans: number }> {
    const since = new Date(Date.now() - 3_600_000);
    const attributes = { 'context.canceled': 'true' };
    const traces = await findTraces(jaeger, { service: 'gateway', attributes, since, limit: 100 });
    const spans = traces.at(-1);
    assert.ok(spans?.[0]);
    return { traceId: spans[0].traceId, spans: spans.length };
  }

  async function newestTrace(): Promise<string | undefined> {
    const [spans] = await findTraces(jaeger, { service: 'gateway', limit: 1 });
    return spans?.[0]?.traceId;
  }

  /** Of what Prometheus has in store, as a Unix time. */
  async function firstSampleAt(): Promise<number> {
    const [first] = await query(prometheus, 'min(min_over_time(timestamp(up)[1h:1s]))');
    assert.ok(first);
    return first.value;
  }

  async function silenceWatchdog(): Promise<string> {
    const response = await fetch(`${alertmanager}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        matchers: [{ name: 'alertname', value: 'Watchdog', isRegex: false, isEqual: true }],
        startsAt: new Date().toISOString(),
        endsAt: new Date(Date.now() + 3_600_000).toISOString(),
        createdBy: 'test',
        comment: 'to be kept',
      }),
    });
    return ((await response.json()) as { silenceID: string }).silenceID;
  }
});
