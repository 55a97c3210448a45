/** deploy/alertmanager: who is told of what, by amtool and by a real Alertmanager with a real receiver. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { alertmanagerConfiguration } from '../../support/monitoring.ts';
import { findTool } from '../../support/monitoring-tools.ts';
import type { Labels } from './promtool.ts';
import { type KnownAlert, type RunningAlertmanager, runAlertmanager } from './running-alertmanager.ts';

const amtool = findTool('amtool');
const found = findTool('alertmanager');

async function askAmtool(t: TestContext, args: readonly string[]): Promise<string | undefined> {
  if ('unavailable' in amtool) {
    t.skip(amtool.unavailable);
    return undefined;
  }
  return (await promisify(execFile)(amtool.binary, args)).stdout;
}

describe('the routes', () => {
  it('are valid', async (t) => {
    const said = await askAmtool(t, ['check-config', alertmanagerConfiguration]);
    if (said !== undefined) assert.match(said, /SUCCESS/);
  });

  const receivers: [string, Labels][] = [
    ['on-call', { alertname: 'CancelRateFastBurn', severity: 'page' }],
    ['tickets', { alertname: 'CancelRateSlowBurn', severity: 'ticket' }],
    ['tickets', { alertname: 'SomebodyElses' }],
    ['watchdog', { alertname: 'Watchdog', severity: 'none' }],
  ];
  for (const [receiver, labels] of receivers) {
    it(`lead ${Object.values(labels).join(', ')} to ${receiver}`, async (t) => {
      const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      const said = await askAmtool(t, [
        'config',
        'routes',
        'test',
        `--config.file=${alertmanagerConfiguration}`,
        ...pairs,
      ]);
      if (said !== undefined) assert.equal(said.trim(), receiver);
    });
  }
});

describe('a real Alertmanager', () => {
  let running: RunningAlertmanager | undefined;

  before(async () => {
    if ('binary' in found) running = await runAlertmanager(found.binary);
  });
  after(() => running?.stop());

  /** Without Alertmanager the test is left out. */
  function alertmanager(t: TestContext): RunningAlertmanager | undefined {
    if ('unavailable' in found) t.skip(found.unavailable);
    return running;
  }

  const inhibited = (alerts: readonly KnownAlert[], ...labels: string[]): string[] =>
    alerts
      .filter(({ status }) => status.inhibitedBy.length > 0)
      .map((alert) => labels.map((label) => alert.labels[label]).join(' '))
      .sort();

  it('tells the most urgent alert of an operation only', async (t) => {
    const server = alertmanager(t);
    if (server === undefined) return;
    const checkout = { service_name: 'gateway', operation: 'POST /checkout/:item', side: 'server' };
    await server.fire(
      { alertname: 'CancelRateFastBurn', severity: 'page', ...checkout },
      { alertname: 'CancelRateSlowBurn', severity: 'ticket', ...checkout },
      { alertname: 'CancelRateRise', severity: 'ticket', ...checkout },
      { alertname: 'CancelRateSlowBurn', severity: 'ticket', ...checkout, operation: 'GET /stock/:item' },
      { alertname: 'DeadlineRateSlowBurn', severity: 'ticket', ...checkout },
      { alertname: 'DeadlineRateRise', severity: 'ticket', ...checkout },
    );
    assert.deepEqual(await server.told(3), [
      { path: '/on-call', alertnames: ['CancelRateFastBurn'] },
      { path: '/tickets', alertnames: ['CancelRateSlowBurn'] },
      { path: '/tickets', alertnames: ['DeadlineRateSlowBurn'] },
    ]);
    assert.deepEqual(inhibited(await server.known(), 'alertname', 'operation'), [
      'CancelRateRise POST /checkout/:item',
      'CancelRateSlowBurn POST /checkout/:item',
      'DeadlineRateRise POST /checkout/:item',
    ]);
  });

  it('tells a gRPC deadline that both sides saw once, by its server', async (t) => {
    const server = alertmanager(t);
    if (server === undefined) return;
    const grpc = { alertname: 'DeadlineRateFastBurn', severity: 'page', operation: 'shop.Orders/Estimate' };
    const http = { ...grpc, operation: 'GET' };
    await server.fire(
      { ...grpc, service_name: 'orders', side: 'server' },
      { ...grpc, service_name: 'web', side: 'client' },
      // "GET" of two services need not be the same operation.
      { ...http, service_name: 'stock', side: 'server' },
      { ...http, service_name: 'mobile', side: 'client' },
    );
    const page = { path: '/on-call', alertnames: ['DeadlineRateFastBurn'] };
    assert.deepEqual(await server.told(3), [page, page, page]);
    const silent = inhibited(await server.known(), 'alertname', 'service_name');
    assert.deepEqual(
      silent.filter((alert) => alert.startsWith(grpc.alertname)),
      ['DeadlineRateFastBurn web'],
    );
  });

  it('tells what follows from something else by that something', async (t) => {
    const server = alertmanager(t);
    if (server === undefined) return;
    await server.fire(
      { alertname: 'CancellationTelemetryDown', severity: 'page' },
      { alertname: 'CancellationOperationsAbsent', severity: 'ticket' },
      { alertname: 'WorkAfterCancelPilesUp', severity: 'page', service_name: 'orders', system: 'grpc' },
      { alertname: 'WastedWork', severity: 'ticket', service_name: 'orders' },
      { alertname: 'WastedWork', severity: 'ticket', service_name: 'stock' },
    );
    assert.deepEqual(await server.told(3), [
      { path: '/on-call', alertnames: ['CancellationTelemetryDown'] },
      { path: '/on-call', alertnames: ['WorkAfterCancelPilesUp'] },
      { path: '/tickets', alertnames: ['WastedWork'] },
    ]);
  });

  it('has a heartbeat for whoever waits for it', async (t) => {
    const server = alertmanager(t);
    if (server === undefined) return;
    await server.fire({ alertname: 'Watchdog', severity: 'none' });
    assert.deepEqual(await server.told(1), [{ path: '/watchdog', alertnames: ['Watchdog'] }]);
  });
});
