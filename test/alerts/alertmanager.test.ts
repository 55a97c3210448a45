/** deploy/alertmanager: who is told of what, by amtool and by a real Alertmanager with a real receiver. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findTool } from '../support/monitoring-tools.ts';
import type { Labels } from './promtool.ts';

const configuration = fileURLToPath(new URL('../../deploy/alertmanager/alertmanager.yml', import.meta.url));
const loopback = '127.0.0.1';
const amtool = findTool('amtool');
const alertmanager = findTool('alertmanager');

async function askAmtool(t: TestContext, args: readonly string[]): Promise<string | undefined> {
  if ('unavailable' in amtool) {
    t.skip(amtool.unavailable);
    return undefined;
  }
  return (await promisify(execFile)(amtool.binary, args)).stdout;
}

describe('the routes', () => {
  it('are valid', async (t) => {
    const said = await askAmtool(t, ['check-config', configuration]);
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
        `--config.file=${configuration}`,
        ...pairs,
      ]);
      if (said !== undefined) assert.equal(said.trim(), receiver);
    });
  }
});

type Notification = { path: string; alertnames: string[] };
type KnownAlert = { labels: Labels; fingerprint: string; status: { inhibitedBy: string[] } };

describe('a real Alertmanager', () => {
  const received: Notification[] = [];
  const receiver = createServer((request, response) => {
    void json(request).then((body) => {
      const { alerts } = body as { alerts: { labels: Labels }[] };
      received.push({
        path: request.url ?? '',
        alertnames: alerts.map(({ labels }) => labels.alertname ?? '').sort(),
      });
      response.end();
    });
  });
  let folder: string | undefined;
  let running: ChildProcess | undefined;
  let url = '';

  before(async () => {
    if ('unavailable' in alertmanager) return;
    await once(receiver.listen(0, loopback), 'listening');
    folder = await mkdtemp(join(tmpdir(), 'alertmanager-'));
    const file = join(folder, 'alertmanager.yml');
    await writeFile(file, await impatient(portOf(receiver.address())));
    const port = await freePort();
    url = `http://${loopback}:${port}`;
    running = spawn(
      alertmanager.binary,
      [
        `--config.file=${file}`,
        `--storage.path=${folder}`,
        `--web.listen-address=${loopback}:${port}`,
        '--cluster.listen-address=', // alone
      ],
      { stdio: 'ignore' },
    );
    await until('Alertmanager is ready', async () => {
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      await answer?.body?.cancel();
      return answer?.ok === true;
    });
  });
  after(async () => {
    if (running !== undefined && running.exitCode === null) {
      running.kill('SIGKILL');
      await once(running, 'exit');
    }
    receiver.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function fire(...alerts: Labels[]): Promise<void> {
    const answer = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts.map((labels) => ({ labels }))),
    });
    assert.equal(answer.status, 200, await answer.text());
  }

  async function inhibited(...labels: string[]): Promise<string[]> {
    const answer = await fetch(`${url}/api/v2/alerts`);
    const known = (await answer.json()) as KnownAlert[];
    return known
      .filter(({ status }) => status.inhibitedBy.length > 0)
      .map((alert) => labels.map((label) => alert.labels[label]).join(' '))
      .sort();
  }

  it('tells the most urgent alert of an operation only', async (t) => {
    if ('unavailable' in alertmanager) return t.skip(alertmanager.unavailable);
    const checkout = { service_name: 'gateway', operation: 'POST /checkout/:item', side: 'server' };
    const stock = { ...checkout, operation: 'GET /stock/:item' };
    await fire(
      { alertname: 'CancelRateFastBurn', severity: 'page', ...checkout },
      { alertname: 'CancelRateSlowBurn', severity: 'ticket', ...checkout },
      { alertname: 'CancelRateRise', severity: 'ticket', ...checkout },
      { alertname: 'CancelRateSlowBurn', severity: 'ticket', ...stock },
      { alertname: 'DeadlineRateSlowBurn', severity: 'ticket', ...checkout },
    );
    await until('three notifications', async () => received.length >= 3);
    assert.deepEqual(await inhibited('alertname', 'operation'), [
      'CancelRateRise POST /checkout/:item',
      'CancelRateSlowBurn POST /checkout/:item',
    ]);
    assert.deepEqual(
      received
        .splice(0)
        .map(({ path, alertnames }) => `${path} ${alertnames}`)
        .sort(),
      ['/on-call CancelRateFastBurn', '/tickets CancelRateSlowBurn', '/tickets DeadlineRateSlowBurn'],
    );
  });

  it('tells a gRPC deadline that both sides saw once, by its server', async (t) => {
    if ('unavailable' in alertmanager) return t.skip(alertmanager.unavailable);
    const late = { alertname: 'DeadlineRateFastBurn', severity: 'page', operation: 'shop.Orders/Estimate' };
    const http = { ...late, operation: 'GET' };
    await fire(
      { ...late, service_name: 'orders', side: 'server' },
      { ...late, service_name: 'web', side: 'client' },
      // "GET" of two services need not be the same operation.
      { ...http, service_name: 'stock', side: 'server' },
      { ...http, service_name: 'mobile', side: 'client' },
    );
    await until('three notifications', async () => received.length >= 3);
    assert.deepEqual(
      (await inhibited('alertname', 'service_name')).filter((alert) => alert.startsWith('Deadline')),
      ['DeadlineRateFastBurn web'],
    );
    assert.deepEqual(
      received.splice(0).map(({ path }) => path),
      ['/on-call', '/on-call', '/on-call'],
    );
  });

  it('has a heartbeat for whoever waits for it', async (t) => {
    if ('unavailable' in alertmanager) return t.skip(alertmanager.unavailable);
    await fire({ alertname: 'Watchdog', severity: 'none' });
    await until('the heartbeat', async () => received.length >= 1);
    assert.deepEqual(received.splice(0), [{ path: '/watchdog', alertnames: ['Watchdog'] }]);
  });
});

/** The deployed configuration, except that nobody waits for more alerts of a group, and the receiver is the test's. */
async function impatient(receiverPort: number): Promise<string> {
  const text = await readFile(configuration, 'utf8');
  return text
    .replaceAll('127.0.0.1:9099', `${loopback}:${receiverPort}`)
    .replaceAll(/group_wait: \d+s/g, 'group_wait: 1s');
}

async function freePort(): Promise<number> {
  const holder = createTcpServer();
  await once(holder.listen(0, loopback), 'listening');
  const port = portOf(holder.address());
  await once(holder.close(), 'close');
  return port;
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function until(what: string, isSo: () => Promise<boolean>, limitMs = 20_000): Promise<void> {
  for (const giveUpAt = Date.now() + limitMs; ; await delay(50)) {
    if (await isSo()) return;
    if (Date.now() > giveUpAt) throw new Error(`not within ${limitMs} ms: ${what}`);
  }
}
