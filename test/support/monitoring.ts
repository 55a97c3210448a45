/**
 * A real Prometheus and a real Alertmanager for one test file, with the files of deploy/ in a hurry: everything that
 * is waited for takes a second. Expressions, windows and thresholds stay what is deployed.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loopback, onFreePorts, startServer } from './server-process.ts';

export type MonitoringServer = { url: string; stop(): Promise<void> };

const deployed = fileURLToPath(new URL('../../deploy/', import.meta.url));
export const alertmanagerConfiguration: string = join(deployed, 'alertmanager', 'alertmanager.yml');

export type PrometheusSettings = {
  binary: string;
  /** Known before it starts, so that Jaeger can be told. */
  port: number;
  /** `host:port` instead of the host names of docker-compose.yml. */
  jaegerTarget: string;
  alertmanagerTarget: string;
};

export async function startPrometheus(settings: PrometheusSettings): Promise<MonitoringServer> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const configFile = copyInAHurry(folder);
  rewrite(configFile, [
    ['jaeger:8889', settings.jaegerTarget],
    ['alertmanager:9093', settings.alertmanagerTarget],
  ]);
  const address = `${loopback}:${settings.port}`;
  const stop = await startServer({
    name: 'Prometheus',
    binary: settings.binary,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--enable-feature=exemplar-storage',
      `--web.listen-address=${address}`,
    ],
    readyUrl: `http://${address}/-/ready`,
  });
  return serverIn(folder, address, stop);
}

/** Prometheus' files, that wait for a second wherever they wait. */
export function copyInAHurry(folder: string): string {
  cpSync(join(deployed, 'prometheus'), folder, { recursive: true });
  const configFile = join(folder, 'prometheus.yml');
  rewrite(configFile, [[/(scrape|evaluation)_interval: \w+/g, '$1_interval: 1s']]);
  for (const file of readdirSync(join(folder, 'rules'))) {
    const rules = join(folder, 'rules', file);
    const text = readFileSync(rules, 'utf8');
    writeFileSync(rules, text.replace(/^( +)(interval|for): \w+/gm, '$1$2: 1s'));
  }
  return configFile;
}

export async function startAlertmanager(
  binary: string,
  configFile: string = alertmanagerConfiguration,
): Promise<MonitoringServer> {
  return await onFreePorts(1, async ([port]) => {
    const folder = mkdtempSync(join(tmpdir(), 'alertmanager-'));
    const address = `${loopback}:${port}`;
    const stop = await startServer({
      name: 'Alertmanager',
      binary,
      args: [
        `--config.file=${configFile}`,
        `--storage.path=${folder}`,
        '--cluster.listen-address=',
        `--web.listen-address=${address}`,
      ],
      readyUrl: `http://${address}/-/ready`,
    });
    return serverIn(folder, address, stop);
  });
}

/** What does not occur must not go unnoticed: a test would run with the deployed address, or wait for minutes. */
function rewrite(file: string, replacements: [what: string | RegExp, by: string][]): void {
  let text = readFileSync(file, 'utf8');
  for (const [what, by] of replacements) {
    const replaced = text.replace(what, by);
    if (replaced === text) throw new Error(`${file} has no ${what}`);
    text = replaced;
  }
  writeFileSync(file, text);
}

function serverIn(folder: string, address: string, stop: () => Promise<void>): MonitoringServer {
  return {
    url: `http://${address}`,
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
