/**
 * A real Jaeger for one test file: deploy/jaeger/config.yaml as it is deployed, on free loopback ports.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loopback, onFreePorts, startServer } from './server-process.ts';

export type JaegerServer = {
  otlpHttpUrl: string;
  otlpGrpcUrl: string;
  queryUrl: string;
  /** Where Prometheus scrapes it, `host:port`. */
  metricsTarget: string;
  stop(): Promise<void>;
};

const configFile = fileURLToPath(new URL('../../deploy/jaeger/config.yaml', import.meta.url));
const uiFile = fileURLToPath(new URL('../../deploy/jaeger/ui.json', import.meta.url));

export type JaegerSettings = {
  /** Of the Prometheus that its Monitor page asks; by default nobody answers there. */
  prometheusUrl?: string;
  /** Where the traces are kept; by default a folder that goes when Jaeger is stopped. */
  dataFolder?: string;
};

export async function startJaeger(binary: string, settings: JaegerSettings = {}): Promise<JaegerServer> {
  const { prometheusUrl = `http://${loopback}:1` } = settings;
  const dataFolder = settings.dataFolder ?? mkdtempSync(join(tmpdir(), 'jaeger-'));
  return await onFreePorts(6, async ([otlpGrpc, otlpHttp, queryHttp, queryGrpc, health, metrics]) => {
    const stopServer = await startServer({
      name: 'Jaeger',
      binary,
      args: ['--config', configFile],
      env: {
        JAEGER_LISTEN_HOST: loopback,
        JAEGER_OTLP_GRPC_PORT: String(otlpGrpc),
        JAEGER_OTLP_HTTP_PORT: String(otlpHttp),
        JAEGER_QUERY_HTTP_PORT: String(queryHttp),
        JAEGER_QUERY_GRPC_PORT: String(queryGrpc),
        JAEGER_HEALTH_PORT: String(health),
        JAEGER_METRICS_PORT: String(metrics),
        JAEGER_METRICS_INTERVAL: '500ms',
        JAEGER_PROMETHEUS_URL: prometheusUrl,
        JAEGER_UI_CONFIG: uiFile,
        JAEGER_DATA_DIR: dataFolder,
      },
      readyUrl: `http://${loopback}:${health}/status`,
    });
    return {
      otlpHttpUrl: `http://${loopback}:${otlpHttp}`,
      otlpGrpcUrl: `http://${loopback}:${otlpGrpc}`,
      queryUrl: `http://${loopback}:${queryHttp}`,
      metricsTarget: `${loopback}:${metrics}`,
      async stop() {
        await stopServer();
        if (settings.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
      },
    };
  });
}
