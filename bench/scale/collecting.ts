import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, startSampler } from '../../test/support/collector.ts';
import { startJaeger } from '../../test/support/jaeger.ts';
import { scrape, sum } from '../../test/support/prometheus-text.ts';
import { startChild, usageOf } from '../processes.ts';
import { type Estimate, estimate } from '../statistics.ts';
import { sendCopies } from './load.ts';
import type { Settings } from './settings.ts';

export interface CollectCost {
  /** CPU time for each span that was sent to the gateway. */
  micros: { gateway: Estimate; sampler: Estimate; jaeger: Estimate };
  /** What the sampler's resident memory grew by for each span that waits for its decision. */
  waitingBytesPerSpan: number;
}

export interface Binaries {
  collector: string;
  jaeger: string;
}

const decisionWaitSeconds = 2;

/** @param body an export of a service, of which copies are sent */
export async function measureCollect(
  body: string,
  settings: Settings,
  binaries: Binaries,
): Promise<CollectCost> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const jaeger = await startChild(() => startJaeger(binaries.jaeger));
    stops.push(jaeger.server.stop);
    const store = new URL(jaeger.server.otlpGrpcUrl).host;
    const sampler = await startChild(() => startSampler(binaries.collector, { store, decisionWaitSeconds }));
    stops.push(sampler.server.stop);
    const gateway = await startChild(() =>
      startGateway(binaries.collector, [sampler.server.otlpGrpcAddress]),
    );
    stops.push(gateway.server.stop);
    const pids = { gateway: gateway.pid, sampler: sampler.pid, jaeger: jaeger.pid };
    const micros = { gateway: [], sampler: [], jaeger: [] } as Record<keyof typeof pids, number[]>;
    let total = 0;
    // The first round warms up.
    for (let round = 0; round <= settings.rounds; round++) {
      const before = cpuOf(pids);
      const { spans } = await sendCopies(gateway.server.otlpHttpUrl, body, settings.exports);
      total += spans;
      await arrived(sampler.server.telemetryUrl, total);
      // Until the last trace has been decided on and what was kept has been stored.
      await sleep((decisionWaitSeconds + 2) * 1_000);
      const after = cpuOf(pids);
      if (round > 0)
        for (const name of ['gateway', 'sampler', 'jaeger'] as const)
          micros[name].push((after[name] - before[name]) / spans);
    }
    return {
      micros: {
        gateway: estimate(micros.gateway),
        sampler: estimate(micros.sampler),
        jaeger: estimate(micros.jaeger),
      },
      waitingBytesPerSpan: await measureWaiting(body, settings, binaries),
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** A sampler that decides nothing while it is measured. */
async function measureWaiting(body: string, settings: Settings, binaries: Binaries): Promise<number> {
  const { server, pid } = await startChild(() =>
    startSampler(binaries.collector, {
      store: '127.0.0.1:1',
      decisionWaitSeconds: 600,
      numTraces: 1_000_000,
    }),
  );
  const gateway = await startGateway(binaries.collector, [server.otlpGrpcAddress]);
  try {
    const warm = await sendCopies(gateway.otlpHttpUrl, body, settings.exports);
    await arrived(server.telemetryUrl, warm.spans);
    const before = usageOf(pid).residentBytes;
    const more = await sendCopies(gateway.otlpHttpUrl, body, settings.exports * settings.rounds);
    await arrived(server.telemetryUrl, warm.spans + more.spans);
    return (usageOf(pid).residentBytes - before) / more.spans;
  } finally {
    await gateway.stop();
    await server.stop();
  }
}

function cpuOf<Name extends string>(pids: Record<Name, number>): Record<Name, number> {
  const entries = (Object.entries(pids) as [Name, number][]).map(([name, pid]) => [
    name,
    usageOf(pid).cpuMicros,
  ]);
  return Object.fromEntries(entries) as Record<Name, number>;
}

async function arrived(telemetryUrl: string, spans: number): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const accepted = sum(await scrape(telemetryUrl), 'otelcol_receiver_accepted_spans', {});
    if (accepted >= spans) return;
    if (Date.now() > giveUpAt) throw new Error(`${accepted} of ${spans} spans reached the sampler`);
    await sleep(100);
  }
}
