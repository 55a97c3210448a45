/**
 * A gateway and two samplers, real Collectors with the files of deploy/scale-out. Each sampler has a Jaeger of its own
 * here, so that a trace tells to which sampler its spans came.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type CollectorServer, startGateway, startSampler } from '../../support/collector.ts';
import { findOrBuildCollector } from '../../support/collector-binary.ts';
import { type JaegerServer, startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { eventually, getTrace, type JaegerSpan } from '../../support/jaeger-query.ts';
import { type Series, scrape, sum } from '../../support/prometheus-text.ts';
import { type Kind, type Plan, spansOf, type Visits } from './visitor.ts';
import { runWorkload } from './workload.ts';

const plan: Plan = { done: 3_000, cancelled: 40, late: 20, asking: 20, workedOn: 3 };
/** Of 3 000 traces one per cent, give or take more than four standard deviations. */
const restBetween = { least: 8, most: 55 } as const;
/** For all spans of a trace to come, from two processes that export twice a second, on a busy machine. */
const decisionWaitSeconds = 5;
/** The attribute for which a trace is looked for. */
const marks = {
  cancelled: 'context.canceled',
  late: 'deadline_exceeded',
  asking: 'cancel.finding',
  workedOn: 'cancel.wasted_ms', // of a span that comes after the decision
} satisfies Partial<Record<Kind, string>>;

describe('a gateway and two samplers', () => {
  let unavailable: string | undefined;
  const jaegers: JaegerServer[] = [];
  const samplers: CollectorServer[] = [];
  let gateway: CollectorServer | undefined;
  let visits: Visits;

  before(async () => {
    const [collector, jaeger] = [await findOrBuildCollector(), await findOrBuildJaeger()];
    if ('unavailable' in collector || 'unavailable' in jaeger) {
      unavailable = [collector, jaeger]
        .flatMap((found) => ('unavailable' in found ? found.unavailable : []))
        .join('; ');
      return;
    }
    for (const _ of [1, 2]) {
      const store = await startJaeger(jaeger.binary);
      jaegers.push(store);
      samplers.push(
        await startSampler(collector.binary, { store: new URL(store.otlpGrpcUrl).host, decisionWaitSeconds }),
      );
    }
    gateway = await startGateway(
      collector.binary,
      samplers.map(({ otlpGrpcAddress }) => otlpGrpcAddress),
    );
    visits = await runWorkload(gateway.otlpHttpUrl, plan);
    // Decisions fall once a second, in the order of arrival: after the last trace has had its own, all have.
    await new Promise((resolve) => setTimeout(resolve, (decisionWaitSeconds + 3) * 1_000));
  });
  after(async () => {
    for (const server of [gateway, ...samplers, ...jaegers]) await server?.stop();
  });

  function isLeftOut(t: TestContext): boolean {
    if (unavailable === undefined) return false;
    t.skip(unavailable);
    return true;
  }

  /** What the two Jaegers have of a trace. */
  async function kept(traceId: string): Promise<[JaegerSpan[], JaegerSpan[]]> {
    const [one, other] = await Promise.all(jaegers.map(({ queryUrl }) => getTrace(queryUrl, traceId)));
    assert.ok(one && other);
    return [one, other];
  }

  async function scraped(urlOf: (sampler: CollectorServer) => string): Promise<Series[]> {
    return (await Promise.all(samplers.map((sampler) => scrape(urlOf(sampler))))).flat();
  }

  for (const [kind, mark] of Object.entries(marks) as [keyof typeof marks, string][]) {
    it(`keeps every trace of a visit '${kind}' whole, at one sampler`, async (t) => {
      if (isLeftOut(t)) return;
      assert.equal(visits[kind].length, plan[kind]);
      for (const traceId of visits[kind]) {
        const spans = await eventually(async () => {
          const [one, other] = await kept(traceId);
          assert.ok(one.length === 0 || other.length === 0, `spans of ${traceId} came to both samplers`);
          const found = [...one, ...other];
          return isWhole(found, kind) ? found : undefined;
        }, `all spans of ${traceId}`);
        assert.ok(spans.some(({ attributes }) => attributes[mark] !== undefined));
        // Kept for its finding alone.
        if (kind === 'asking') assert.ok(!spans.some((span) => 'context.canceled' in span.attributes));
      }
    });
  }

  it('keeps about one per cent of the rest, whole too', async (t) => {
    if (isLeftOut(t)) return;
    let keptTraces = 0;
    for (const traceId of visits.done) {
      const [one, other] = await kept(traceId);
      if (one.length + other.length === 0) continue;
      assert.ok(one.length === 0 || other.length === 0, `spans of ${traceId} came to both samplers`);
      assert.ok(isWhole([...one, ...other], 'done'), `${traceId} was kept in part`);
      keptTraces++;
    }
    t.diagnostic(`${keptTraces} of ${plan.done} traces that nobody will look for were kept`);
    assert.ok(keptTraces >= restBetween.least && keptTraces <= restBetween.most, `${keptTraces}`);
  });

  it('keeps each for its own reason', async (t) => {
    if (isLeftOut(t)) return;
    const series = await scraped(({ telemetryUrl }) => telemetryUrl);
    const wantedBy = (policy: string) =>
      sum(series, 'otelcol_processor_tail_sampling_count_traces_sampled', { policy, sampled: 'true' });
    assert.equal(wantedBy('deadline-exceeded'), plan.late);
    // The shop may learn that the visitor is gone before it knows that the time is over: then that is a cancel there.
    const canceled = wantedBy('canceled');
    const certain = plan.cancelled + plan.workedOn;
    assert.ok(canceled >= certain && canceled <= certain + plan.late, `${canceled}`);
    // On a busy machine the shop may take a while to notice that a visitor has left: work after a cancel.
    const finding = wantedBy('finding');
    assert.ok(finding >= plan.asking && finding <= plan.asking + certain + plan.late, `${finding}`);
  });

  it('has both samplers at work, and none that had to give up a trace', async (t) => {
    if (isLeftOut(t)) return;
    const [one, other] = await Promise.all(samplers.map(({ telemetryUrl }) => scrape(telemetryUrl)));
    assert.ok(one && other);
    const traces = Object.values(plan).reduce((total, count) => total + count, 0);
    const newTraces = [one, other].map((series) =>
      sum(series, 'otelcol_processor_tail_sampling_new_trace_id_received', {}),
    );
    assert.equal(
      newTraces.reduce((total, count) => total + count, 0),
      traces,
    );
    for (const count of newTraces) assert.ok(count > traces / 4, `shared out as ${newTraces}`);
    const tooEarly = 'otelcol_processor_tail_sampling_sampling_trace_dropped_too_early';
    assert.equal(sum([...one, ...other], tooEarly, {}), 0);
  });

  it('counts spans before it samples', async (t) => {
    if (isLeftOut(t)) return;
    const visitors = { service_name: 'visitor', span_kind: 'SPAN_KIND_CLIENT' };
    const expected = {
      all: Object.values(plan).reduce((total, count) => total + count, 0),
      canceled: plan.cancelled + plan.workedOn,
      late: plan.late,
    };
    const count = (series: Series[], labels: Record<string, string>) =>
      sum(series, 'traces_span_metrics_calls_total', { ...visitors, ...labels });
    const counted = await eventually(async () => {
      const series = await scraped(({ metricsUrl }) => metricsUrl);
      const counts = {
        all: count(series, {}),
        canceled: count(series, { context_canceled: 'true', deadline_exceeded: 'false' }),
        late: count(series, { context_canceled: 'false', deadline_exceeded: 'true' }),
      };
      return counts.all >= expected.all ? counts : undefined;
    }, 'the counts of all spans');
    assert.deepEqual(counted, expected);
  });

  it('counts cancels by the line that caused them', async (t) => {
    if (isLeftOut(t)) return;
    const series = await scraped(({ metricsUrl }) => metricsUrl);
    const lines = series.filter(({ name }) => name === 'traces_cancel_origins_calls_total');
    const left = lines.filter(({ labels }) => /^leave \(.*visitor\.ts:/.test(labels.cancel_origin ?? ''));
    assert.equal(
      left.reduce((total, { value }) => total + value, 0),
      plan.cancelled + plan.workedOn,
    );
  });

  it("passes the services' own metrics on", async (t) => {
    if (isLeftOut(t) || gateway === undefined) return;
    const series = await scrape(gateway.metricsUrl);
    const operations = (labels: Record<string, string>) =>
      sum(series, 'cancellation_operations_total', { job: 'visitor', side: 'client', ...labels });
    assert.equal(operations({ outcome: 'canceled' }), plan.cancelled + plan.workedOn);
    assert.equal(operations({ outcome: 'deadline_exceeded' }), plan.late);
    assert.equal(operations({ outcome: 'completed' }), plan.done + plan.asking);
  });
});

/** Work after a cancel, which a busy machine makes of any handler, is one span more, and asked for of one kind only. */
function isWhole(spans: readonly JaegerSpan[], kind: Kind): boolean {
  const others = spans.filter(({ name }) => name !== 'work after cancel');
  return others.length === spansOf[kind] && (kind !== 'workedOn' || spans.length > others.length);
}
