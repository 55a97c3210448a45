/** A real Alertmanager with the deployed configuration, and the receiver that it tells. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
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

export const configuration = fileURLToPath(
  new URL('../../deploy/alertmanager/alertmanager.yml', import.meta.url),
);
const loopback = '127.0.0.1';

export async function startAlertmanager(binary: string): Promise<RunningAlertmanager> {
  const notifications: Notification[] = [];
  const receiver = createServer((request, response) => {
    void json(request).then((body) => {
      const { alerts } = body as { alerts: { labels: Labels }[] };
      const alertnames = alerts.map(({ labels }) => labels.alertname ?? '').sort();
      notifications.push({ path: request.url ?? '', alertnames });
      response.end();
    });
  });
  await once(receiver.listen(0, loopback), 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'alertmanager-'));
  const file = join(folder, 'alertmanager.yml');
  await writeFile(file, await impatient(portOf(receiver.address())));
  const address = `${loopback}:${await freePort()}`;
  const url = `http://${address}`;
  const server = spawn(
    binary,
    [
      `--config.file=${file}`,
      `--storage.path=${folder}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=', // alone
    ],
    { stdio: 'ignore' },
  );
  // A test that dies must not leave it behind.
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);

  async function stop(): Promise<void> {
    process.off('exit', kill);
    if (server.exitCode === null && kill()) await once(server, 'exit');
    receiver.close();
    await rm(folder, { recursive: true });
  }

  await until('Alertmanager is ready', async () => {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }).catch(async (error) => {
    await stop();
    throw error;
  });

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
