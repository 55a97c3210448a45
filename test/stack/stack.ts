/**
 * Jaeger, Prometheus and Alertmanager as docker-compose.yml wires them, as processes on loopback. Without one of
 * them there is no stack; the reason says which.
 */
import { type JaegerServer, startJaeger } from '../support/jaeger.ts';
import { findOrBuildJaeger } from '../support/jaeger-binary.ts';
import { type MonitoringServer, startAlertmanager, startPrometheus } from '../support/monitoring.ts';
import { findTool } from '../support/monitoring-tools.ts';
import { loopback, onFreePorts } from '../support/server-process.ts';

export type Stack = {
  jaeger: JaegerServer;
  prometheus: MonitoringServer;
  alertmanager: MonitoringServer;
  stop(): Promise<void>;
};

export async function startStack(): Promise<Stack | { unavailable: string }> {
  const [jaegerProgram, prometheusProgram, alertmanagerProgram] = [
    await findOrBuildJaeger(),
    findTool('prometheus'),
    findTool('alertmanager'),
  ];
  if ('unavailable' in jaegerProgram) return jaegerProgram;
  if ('unavailable' in prometheusProgram) return prometheusProgram;
  if ('unavailable' in alertmanagerProgram) return alertmanagerProgram;

  const alertmanager = await startAlertmanager(alertmanagerProgram.binary);
  // Jaeger asks Prometheus and is scraped by it: one of the two has to know the other's port before it starts.
  return await onFreePorts(1, async ([port = 0]) => {
    const jaeger = await startJaeger(jaegerProgram.binary, { prometheusUrl: `http://${loopback}:${port}` });
    try {
      const prometheus = await startPrometheus({
        binary: prometheusProgram.binary,
        port,
        jaegerTarget: jaeger.metricsTarget,
        alertmanagerTarget: new URL(alertmanager.url).host,
      });
      const servers = [prometheus, jaeger, alertmanager];
      return {
        jaeger,
        prometheus,
        alertmanager,
        stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
      };
    } catch (error) {
      await jaeger.stop();
      throw error;
    }
  });
}
