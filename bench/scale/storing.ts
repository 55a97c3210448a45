import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, startSampler } from '../../test/support/collector.ts';
import { startJaegerPart } from '../../test/support/jaeger-parts.ts';
import { startOpenSearch } from '../../test/support/java-server.ts';
import { startChild, usageOf } from '../processes.ts';
import type { Binaries } from './collecting.ts';
import { sendCopies } from './load.ts';

export interface StoreCost {
  /** On disk, without replicas, merged. */
  bytesPerSpan: number;
  writerMicros: number;
  openSearchMicros: number;
}

const indices = 'cancellation-jaeger-span-*';

/** @param body an export of cancelled operations, which the sampler keeps */
export async function measureStore(
  body: string,
  exports: number,
  binaries: Binaries,
  jars: string,
): Promise<StoreCost> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const openSearch = await startChild(() => startOpenSearch(jars));
    const { url } = openSearch.server;
    stops.push(openSearch.server.stop);
    const writer = await startChild(() =>
      startJaegerPart(binaries.jaeger, 'jaeger-collector.yaml', { OPENSEARCH_URL: url }),
    );
    stops.push(writer.server.stop);
    const store = writer.server.otlpGrpcAddress;
    const sampler = await startSampler(binaries.collector, { store, decisionWaitSeconds: 1 });
    stops.push(sampler.stop);
    const gateway = await startGateway(binaries.collector, [sampler.otlpGrpcAddress]);
    stops.push(gateway.stop);

    // The first half warms up: OpenSearch makes its indices, Java compiles.
    const warm = await sendCopies(gateway.otlpHttpUrl, body, exports);
    await stored(url, warm.spans);
    const before = [usageOf(writer.pid), usageOf(openSearch.pid)] as const;
    const more = await sendCopies(gateway.otlpHttpUrl, body, exports);
    const total = warm.spans + more.spans;
    await stored(url, total);
    const after = [usageOf(writer.pid), usageOf(openSearch.pid)] as const;

    await ask(`${url}/${indices}/_forcemerge?max_num_segments=1`, 'POST');
    const statistics = (await ask(`${url}/${indices}/_stats/store`, 'GET')) as {
      _all: { primaries: { store: { size_in_bytes: number } } };
    };
    return {
      bytesPerSpan: statistics._all.primaries.store.size_in_bytes / total,
      writerMicros: (after[0].cpuMicros - before[0].cpuMicros) / more.spans,
      openSearchMicros: (after[1].cpuMicros - before[1].cpuMicros) / more.spans,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function stored(url: string, spans: number): Promise<void> {
  const giveUpAt = Date.now() + 120_000;
  for (;;) {
    const { count } = (await ask(`${url}/${indices}/_count`, 'GET')) as { count?: number };
    if (count !== undefined && count >= spans) return;
    if (Date.now() > giveUpAt) throw new Error(`${count} of ${spans} spans reached OpenSearch`);
    await sleep(200);
  }
}

async function ask(url: string, method: string): Promise<unknown> {
  return await (await fetch(url, { method })).json();
}
