/**
 * The whole of docker-compose.yml on loopback, Grafana excepted: the shop cancels; traces, series, answers of every
 * panel, and alerts come out. The programs are real and so are the files that they are deployed with.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dashboards, questionsOf, variablesOf } from '../deploy/dashboards.ts';
import { eventually, findTraces, getTrace, type JaegerSpan } from '../support/jaeger-query.ts';
import { exemplarTraceIds, firingAlerts, labelValues, query, rulesOf } from '../support/prometheus-query.ts';
import { askMonitor } from './jaeger-monitor.ts';
import { linkOf, menuSearches, searchOf } from './jaeger-ui.ts';
import { openShop, type Shop } from './shop.ts';
import { type Stack, startStack } from './stack.ts';

const limitMs = 60_000;

const started = await startStack();
const skip = 'unavailable' in started ? started.unavailable : false;

describe('the stack', { skip }, () => {
  const { jaeger, prometheus, alertmanager } = started as Stack;
  let shop: Shop | undefined;

  before(async () => {
    shop = await openShop(jaeger.otlpHttpUrl);
  });
  after(async () => {
    await shop?.stop();
    await (started as Stack).stop();
    assert.equal(shop?.death(), undefined);
  });

  /** The answers, once there are so many: what happens in the shop arrives little by little. */
  async function some<T>(ask: () => Promise<T[]>, what: string, atLeast = 1): Promise<T[]> {
    return await eventually(
      async () => {
        const answers = await ask();
        return answers.length >= atLeast ? answers : undefined;
      },
      what,
      limitMs,
    );
  }

  for (const { label, search } of menuSearches) {
    it(`Jaeger's menu finds traces: ${label}`, async () => {
      const traces = await some(() => findTraces(jaeger.queryUrl, { ...search, limit: 2 }), label);
      assert.ok(traces.every((trace) => trace.some(({ serviceName }) => serviceName === search.service)));
    });
  }

  it("links in Jaeger lead from a cancel that was inherited to its cause, and to its line's dashboard", async () => {
    const inherited = await eventually(async () => {
      const traces = await findTraces(jaeger.queryUrl, {
        service: 'gateway',
        attributes: { 'cancel.initiator': 'inherited' },
      });
      return traces.flat().find(({ attributes }) => attributes['cancel.initiator'] === 'inherited');
    }, 'an inherited cancel');
    const { pathname, searchParams } = linkOf('cancel.cause.span_id', inherited.attributes);
    const trace: JaegerSpan[] = await getTrace(jaeger.queryUrl, pathname.replace('/trace/', ''));
    // What Jaeger's page looks for, and the key of the attribute that it is not to look into.
    const [found, ...except] = searchParams.get('uiFind')?.split(' ') ?? [];
    assert.deepEqual(except, ['-cancel.cause.span_id']);
    const cause = trace.find(({ spanId }) => spanId === found);
    assert.equal(cause?.attributes['context.canceled'], true);

    const dashboard = linkOf('cancel.origin', inherited.attributes);
    assert.equal(dashboard.searchParams.get('var-origin'), inherited.attributes['cancel.origin']);
  });

  it('Prometheus counts cancels by who cancelled and by which means', async () => {
    const [canceled] = await some(
      () =>
        query(
          prometheus.url,
          'traces_span_metrics_calls_total{service_name="gateway", span_kind="SPAN_KIND_CLIENT", context_canceled="true", cancel_initiator="local"} > 0',
        ),
      'a cancelled call of the gateway',
    );
    assert.equal(canceled?.labels.cancel_trigger, 'abort');
    assert.equal(canceled.labels.deadline_exceeded, 'false');
    const services = await some(
      () =>
        query(
          prometheus.url,
          'sum by (service_name) (traces_span_metrics_calls_total{context_canceled="true"})',
        ),
      'all services',
      4,
    );
    const names = services.map(({ labels }) => labels.service_name);
    assert.deepEqual(names.sort(), ['browser', 'gateway', 'orders', 'stock']);
  });

  it('Prometheus knows the lines that cancelled', async () => {
    const lines = await some(
      () => query(prometheus.url, 'traces_cancel_origins_calls_total{service_name="gateway"}'),
      'lines of the gateway',
      3,
    );
    // A line that sets a limit also is that of the 504 that follows from it, of another span.
    const functions = [...new Set(lines.map(({ labels }) => labels.cancel_origin?.split(' ')[0]))].sort();
    assert.deepEqual(functions, ['callOffIfUnanswered', 'estimateDelivery', 'findStock']);
  });

  it('exemplars lead from durations of cancelled operations to their traces', async () => {
    const [traceId = ''] = await some(
      () =>
        exemplarTraceIds(
          prometheus.url,
          'traces_span_metrics_duration_milliseconds_bucket{context_canceled="true"}',
        ),
      'an exemplar',
    );
    const trace = await getTrace(jaeger.queryUrl, traceId);
    assert.ok(trace.some(({ attributes }) => attributes['context.canceled'] === true));
  });

  it("Jaeger's Monitor page gets rates, errors and durations", async () => {
    for (const kind of ['calls', 'errors', 'latencies']) {
      const rates = await some(() => askMonitor(jaeger.queryUrl, kind, 'orders'), kind);
      assert.ok(
        rates.some((rate) => rate > 0),
        `${kind}: ${rates}`,
      );
    }
  });

  for (const dashboard of dashboards) {
    for (const { panel, expression, linkedLabels } of questionsOf(dashboard)) {
      it(`the dashboard "${dashboard.title}" has data in "${panel}": ${expression}`, async () => {
        const samples = await some(async () => {
          const answers = await query(prometheus.url, expression);
          return answers.filter(({ value }) => Number.isFinite(value));
        }, panel);
        for (const label of linkedLabels) {
          assert.ok(
            samples.some(({ labels }) => labels[label]),
            `a link needs the label ${label}`,
          );
        }
      });
    }
    for (const { name, series, label } of variablesOf(dashboard)) {
      it(`the dashboard "${dashboard.title}" has values for $${name}`, async () => {
        await some(() => labelValues(prometheus.url, series, label), name);
      });
    }
  }

  it('Prometheus evaluates every rule without an error', async () => {
    const rules = await rulesOf(prometheus.url);
    assert.ok(rules.length > 0);
    assert.deepEqual(
      rules.filter(({ lastError }) => lastError),
      [],
    );
  });

  it('Alertmanager is told of the cancels, with a link to a search that finds them', async () => {
    const alert = await eventually(
      async () => {
        const alerts = await firingAlerts(alertmanager.url);
        return alerts.find(
          ({ labels }) => labels.alertname === 'CancelRateFastBurn' && labels.service_name === 'gateway',
        );
      },
      'CancelRateFastBurn of the gateway',
      limitMs,
    );
    const traces = await findTraces(jaeger.queryUrl, searchOf(alert.annotations.jaeger ?? ''));
    const cancelled = traces.flat().filter(({ attributes }) => attributes['context.canceled'] === true);
    assert.ok(cancelled.some(({ serviceName }) => serviceName === 'gateway'));
    assert.ok(cancelled.some(({ attributes }) => attributes['cancel.origin'] !== undefined));
  });
});
