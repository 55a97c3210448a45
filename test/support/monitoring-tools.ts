/**
 * Where the tests find Prometheus, Alertmanager and their tools: a binary that a variable names, else the PATH.
 * `sudo bash .ci/monitoring-tools` installs Debian's packages without starting their services.
 *
 *   PROMETHEUS_BINARY, PROMTOOL_BINARY, ALERTMANAGER_BINARY, AMTOOL_BINARY   use this one
 *   CI                                                set: a missing one is an error, no reason to leave tests out
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type MonitoringTool = 'prometheus' | 'promtool' | 'alertmanager' | 'amtool';
export type FoundTool = { binary: string } | { unavailable: string };

/** Debian calls Alertmanager by another name: its own was taken. */
const fileNames: Record<MonitoringTool, readonly string[]> = {
  prometheus: ['prometheus'],
  promtool: ['promtool'],
  alertmanager: ['alertmanager', 'prometheus-alertmanager'],
  amtool: ['amtool'],
};

export function findTool(tool: MonitoringTool): FoundTool {
  const variable = `${tool.toUpperCase()}_BINARY`;
  const named = process.env[variable];
  if (named) {
    // A wrong path must not turn into skipped tests.
    if (!existsSync(named)) throw new Error(`${variable} names no file: ${named}`);
    return { binary: named };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => fileNames[tool].map((name) => join(folder, name)));
  const binary = candidates.find((path) => existsSync(path));
  if (binary !== undefined) return { binary };
  const unavailable = `no ${tool} on the PATH, and no ${variable}`;
  if (process.env.CI) throw new Error(unavailable);
  return { unavailable };
}
