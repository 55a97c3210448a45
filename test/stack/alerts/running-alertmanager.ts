/** A real Alertmanager with the deployed configuration, and the receiver that it tells. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { alertmanagerConfiguration, startAlertmanager } from '../../support/monitoring.ts';
import { loopback } from '../../support/server-process.ts';
import type { Labels } from './promtool.ts';

export type Notification = { path: string; alertnames: string[] };
export type KnownAlert = { labels: Labels; status: { inhibitedBy: string[] } };
export type RunningAlertmanager = {
  fire(...alerts: Labels[]): Promise<void>;
  known(): Promise<KnownAlert[]>;
  /** Waits for so many notifications since it was asked last; sorted by path. */
  told(count: number): Promise<Notification[]>;
  stop(): Promise<void>;
};

export async function runAlertmanager(binary: string): Promise<RunningAlertmanager> {
  const notifications: Notification[] = [];
  const receiver = createServer((request, response) => {
    void json(request).then((body) => {
      const { alerts } = body as { alerts: { labels: Labels }[] };
      const alertnames = alerts.map(({ labels }) => labels.alertname ?? '').sort();
      notifications.push({ path: request.url ?? '', alertnames });
      response.end();
    });
  });
  // It must not keep a test alive whose Alertmanager does not start.
  await once(receiver.listen(0, loopback).unref(), 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'alertmanager-'));
  const file = join(folder, 'alertmanager.yml');
  await writeFile(file, await impatient(portOf(receiver.address())));
  const alertmanager = await startAlertmanager(binary, file);
  const { url } = alertmanager;

  async function stop(): Promise<void> {
    await alertmanager.stop();
    receiver.close();
    await rm(folder, { recursive: true });
  }

  return {
    stop,
    async fire(...alerts) {
      const answer = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts.map((labels) => ({ labels }))),
      });
      if (!answer.ok) throw new Error(`Alertmanager answered ${answer.status}: ${await answer.text()}`);
    },
    async known() {
      return (await (await fetch(`${url}/api/v2/alerts`)).json()) as KnownAlert[];
    },
    async told(count) {
      await until(`${count} notifications`, async () => notifications.length >= count);
      const order = ({ path, alertnames }: Notification) => `${path} ${alertnames}`;
      return notifications.splice(0).sort((a, b) => order(a).localeCompare(order(b)));
    },
  };
}

/** As deployed, except that it hardly waits for more alerts of a group, and that the receiver is ours. */
async function impatient(receiverPort: number): Promise<string> {
  const text = await readFile(alertmanagerConfiguration, 'utf8');
  return text
    .replaceAll('127.0.0.1:9099', `${loopback}:${receiverPort}`)
    .replaceAll(/group_wait: \d+s/g, 'group_wait: 1s');
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
