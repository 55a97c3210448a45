/**
 * deploy/scale-out/docker-compose.yml, as it is, on a real container engine: real cancels go in at the published port of
 * the gateway, and are found through that of Jaeger, without Kafka and with it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, it } from 'node:test';
import { eventually, findTraces, getTrace } from '../../support/jaeger-query.ts';
import { query } from '../../support/prometheus-query.ts';
import { type Plan, spansOf, type Visits } from '../scale-out/visitor.ts';
import { runWorkload } from '../scale-out/workload.ts';
import { isOnLoopbackOnly, leavesNothing, startsWell } from './checks.ts';
import { onEngine } from './on-engine.ts';

const plan: Plan = { done: 200, cancelled: 10, late: 5, asking: 5, workedOn: 0 };
const looked = ['cancelled', 'late', 'asking'] as const;
const withKafka = ['kafka', 'kafka-writer', 'kafka-reader'];
const limitMs = 120_000;
/** As docs/scaling.md tells to; 30 s otherwise. */
const hurry = { SAMPLER_DECISION_WAIT: '5s' };
const throughKafka = { ...hurry, SAMPLER_STORE: 'kafka-writer:4317' };

await onEngine('deploy/scale-out/docker-compose.yml', (started, parts) => {
  let [gateway, jaeger, prometheus] = ['', '', ''];
  before(() => {
    gateway = started.urlOf(4318);
    jaeger = started.urlOf(16686);
    prometheus = started.urlOf(9090);
  });

  it('`up -d` starts all but Kafka, healthy, at the first attempt', async (t) => {
    const services = parts.services.filter((name) => !withKafka.includes(name) && name !== 'index-cleaner');
    for (const file of started.project.changes)
      t.diagnostic(`changed for this machine: ${readFileSync(file, 'utf8')}`);
    await startsWell(t, started.project, 'up -d', services, hurry);
    assert.equal((await started.project.inspect('sampler')).length, 2);
  });

  it('can be reached on the loopback interface only', async () => {
    await isOnLoopbackOnly(started.project, parts);
  });

  it('keeps every trace that is looked for, whole', async () => {
    await areKept(await runWorkload(gateway, plan));
  });

  it('Jaeger finds them by their tags', async () => {
    const traces = await findTraces(jaeger, {
      service: 'visitor',
      attributes: { 'context.canceled': 'true' },
    });
    assert.equal(traces.length, plan.cancelled);
  });

  it('Prometheus finds all samplers and gateways, and the sum of what samplers count is the whole', async () => {
    const up = await eventually(
      async () => {
        const samples = await query(prometheus, 'up{job="jaeger"} == 1');
        return samples.length === 3 ? samples : undefined;
      },
      'two samplers and a gateway',
      limitMs,
    );
    assert.equal(up.length, 3);
    const calls = 'traces_span_metrics_calls_total{service_name="visitor", span_kind="SPAN_KIND_CLIENT"}';
    await eventually(
      async () => (await valueNow(`sum(${calls})`)) === 220 || undefined,
      'all calls',
      limitMs,
    );
    const canceled = calls.replace('}', ', context_canceled="true"}');
    assert.equal(await valueNow(`sum(${canceled})`), plan.cancelled);
    assert.equal(await valueNow(`count(count by (instance) (${calls}))`), 2, 'both samplers have some');
  });

  it('`--scale sampler=4`: the gateway finds them', async () => {
    await started.project.compose('up -d --wait --scale sampler=4 --no-recreate', hurry);
    await eventually(
      async () => (await valueNow('max(otelcol_loadbalancer_num_backends)')) === 4 || undefined,
      'four samplers',
      limitMs,
    );
    await areKept(await runWorkload(gateway, plan));
  });

  it('an OpenSearch that crashes comes back with its traces', async () => {
    const attributes = { 'context.canceled': 'true' };
    const before = await findTraces(jaeger, { service: 'visitor', attributes, limit: 100 });
    assert.equal(before.length, 2 * plan.cancelled);
    await started.project.kill('opensearch', 'KILL', limitMs);
    const after = await eventually(
      () => findTraces(jaeger, { service: 'visitor', attributes, limit: 100 }).catch(() => undefined),
      'an answer of Jaeger',
      limitMs,
    );
    assert.equal(after.length, before.length);
  });

  it('`--profile kafka up -d` starts Kafka, healthy, at the first attempt', async (t) => {
    await startsWell(
      t,
      started.project,
      '--profile kafka up -d',
      [...withKafka, 'sampler', 'gateway'],
      throughKafka,
    );
  });

  it('with Kafka in between, every trace that is looked for is kept, whole', async () => {
    await started.project.compose('stop jaeger-collector'); // the other way
    await areKept(await runWorkload(gateway, plan));
  });

  it('what comes while OpenSearch is away is found once it is back', async () => {
    await started.project.compose('stop opensearch');
    const visits = await runWorkload(gateway, plan);
    await new Promise((resolve) => setTimeout(resolve, 15_000)); // they have been decided on, and come as far as they can
    await started.project.compose('start opensearch');
    await areKept(visits);
  });

  it('the index cleaner forgets days that are over, and RETENTION_DAYS=0 makes today one of them', async () => {
    const before = await indices();
    assert.ok(
      before.some((name) => name.startsWith('cancellation-jaeger-span-')),
      `${before}`,
    );
    await started.project.compose('run --rm index-cleaner');
    assert.deepEqual(await indices(), before);
    await started.project.compose('run --rm index-cleaner', { RETENTION_DAYS: '0' });
    assert.deepEqual(await indices(), []);
  });

  it('`down -v` leaves nothing', async () => {
    await leavesNothing(started.project, '--profile kafka down -v');
  });

  async function areKept(visits: Visits): Promise<void> {
    for (const kind of looked) {
      assert.equal(visits[kind].length, plan[kind]);
      for (const traceId of visits[kind])
        await eventually(
          async () => {
            // Jaeger answers with an error while OpenSearch makes its indices.
            const spans = await getTrace(jaeger, traceId).catch(() => []);
            return spans.length >= spansOf[kind] ? spans : undefined;
          },
          `a trace that is ${kind}: ${traceId}`,
          limitMs,
        );
    }
  }

  async function valueNow(expression: string): Promise<number | undefined> {
    return (await query(prometheus, expression))[0]?.value;
  }

  async function indices(): Promise<string[]> {
    const url = 'http://127.0.0.1:9200/_cat/indices/cancellation-*?h=index';
    const lines = await started.project.compose(`exec -T opensearch curl -sS --fail ${url}`);
    return lines.split('\n').filter(Boolean).sort();
  }
});
