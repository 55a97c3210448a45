/** Asks what Jaeger's Monitor page asks. */
import assert from 'node:assert/strict';

/** Values of the last minute. */
export async function askMonitor(queryUrl: string, kind: string, service: string): Promise<number[]> {
  const parameters = {
    service,
    spanKind: 'server',
    endTs: String(Date.now()),
    lookback: '60000',
    step: '5000',
    ratePer: '60000',
    ...(kind === 'latencies' && { quantile: '0.95' }),
  };
  const response = await fetch(`${queryUrl}/api/metrics/${kind}?${new URLSearchParams(parameters)}`);
  assert.equal(response.status, 200, await response.clone().text());
  const { metrics = [] } = (await response.json()) as MonitorAnswer;
  return metrics
    .flatMap(({ metricPoints }) => metricPoints.map(({ gaugeValue }) => Number(gaugeValue.doubleValue)))
    .filter(Number.isFinite);
}
type MonitorAnswer = { metrics?: { metricPoints: { gaugeValue: { doubleValue: number | string } }[] }[] };
