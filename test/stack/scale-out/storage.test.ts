/** From the services to the search: a gateway, a sampler, Jaeger, OpenSearch, with Kafka and without, all real. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway, startSampler } from '../../support/collector.ts';
import { findOrBuildCollector } from '../../support/collector-binary.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { startJaegerPart } from '../../support/jaeger-parts.ts';
import { eventually, findTraces } from '../../support/jaeger-query.ts';
import { findOrFetchJars, startKafka, startOpenSearch } from '../../support/java-server.ts';
import { type Plan, spansOf } from './visitor.ts';
import { runWorkload } from './workload.ts';

const plan: Plan = { done: 20, cancelled: 5, late: 2, asking: 2, workedOn: 0 };
/** OpenSearch makes its indices at the first write, and refreshes once a second. */
const searchLimitMs = 60_000;

for (const through of ['directly', 'through Kafka'] as const) {
  test(`a cancelled trace that came ${through} is found in OpenSearch by its tag, whole and with its stack`, async (t) => {
    const collector = await findOrBuildCollector();
    if ('unavailable' in collector) return t.skip(collector.unavailable);
    const jaeger = await findOrBuildJaeger();
    if ('unavailable' in jaeger) return t.skip(jaeger.unavailable);
    const openSearchJars = await findOrFetchJars('opensearch');
    if ('unavailable' in openSearchJars) return t.skip(openSearchJars.unavailable);
    const kafkaJars = through === 'through Kafka' ? await findOrFetchJars('kafka') : undefined;
    if (kafkaJars && 'unavailable' in kafkaJars) return t.skip(kafkaJars.unavailable);

    const stops: (() => Promise<void>)[] = [];
    async function started<Server extends { stop(): Promise<void> }>(
      starting: Promise<Server>,
    ): Promise<Server> {
      const server = await starting;
      stops.push(server.stop);
      return server;
    }
    try {
      const openSearch = await started(startOpenSearch(openSearchJars.jars));
      const storage = { OPENSEARCH_URL: openSearch.url };
      let writer: { otlpGrpcAddress: string };
      if (kafkaJars === undefined) {
        writer = await started(startJaegerPart(jaeger.binary, 'jaeger-collector.yaml', storage));
      } else {
        const kafka = await started(startKafka(kafkaJars.jars));
        const queue = { KAFKA_BROKER: kafka.address };
        writer = await started(startJaegerPart(jaeger.binary, 'kafka-writer.yaml', queue));
        await started(startJaegerPart(jaeger.binary, 'kafka-reader.yaml', { ...storage, ...queue }));
      }
      const query = await started(startJaegerPart(jaeger.binary, 'jaeger-query.yaml', storage));
      const sampler = await started(
        startSampler(collector.binary, { store: writer.otlpGrpcAddress, decisionWaitSeconds: 5 }),
      );
      const gateway = await started(startGateway(collector.binary, [sampler.otlpGrpcAddress]));

      const since = new Date(Date.now() - 1_000);
      const visits = await runWorkload(gateway.otlpHttpUrl, plan);

      // Jaeger answers with an error while OpenSearch makes the indices.
      await eventually(
        async () => {
          const answer = await fetch(`${openSearch.url}/cancellation-jaeger-span-*/_count`);
          const { count } = (await answer.json()) as { count?: number };
          return count ? count : undefined;
        },
        'any span',
        searchLimitMs,
      );
      const traces = await eventually(
        async () => {
          const attributes = { 'context.canceled': 'true' };
          const matching = await findTraces(query.queryUrl, { service: 'visitor', attributes, since });
          const whole = matching.filter((trace) => trace.length >= spansOf.cancelled);
          return whole.length >= plan.cancelled ? whole : undefined;
        },
        'the cancelled traces',
        searchLimitMs,
      );
      assert.deepEqual(traces.map((trace) => trace[0]?.traceId).sort(), visits.cancelled.sort());
      for (const trace of traces) {
        const client = trace.find(({ serviceName, kind }) => serviceName === 'visitor' && kind === 3);
        const stack = String(client?.attributes['cancel.stacktrace']);
        // OpenSearch indexes at most 256 characters of a value, but has to give all of it back.
        assert.ok(stack.length > 256, `a whole stack: ${stack}`);
        assert.match(stack, /leave \(.*visitor\.ts:\d+:\d+\)/);
      }
    } finally {
      for (const stop of stops.reverse()) await stop();
    }
  });
}
