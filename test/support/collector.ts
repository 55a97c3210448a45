/** Real OpenTelemetry Collectors for one test file: the files of deploy/scale-out as they are deployed, on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loopback, onFreePorts, startServer } from './server-process.ts';

export type CollectorServer = {
  /** `host:port` */
  otlpGrpcAddress: string;
  otlpHttpUrl: string;
  /** Metrics of what passes through it, in Prometheus' format. */
  metricsUrl: string;
  /** Metrics of the Collector itself, in Prometheus' format. */
  telemetryUrl: string;
  stop(): Promise<void>;
};

export type SamplerSettings = {
  /** `host:port` of the OTLP/gRPC receiver to which the kept traces go. */
  store: string;
  /** @default 30 */
  decisionWaitSeconds?: number;
  /** @default 50000 */
  numTraces?: number;
};

/** A file of deploy/scale-out. */
export function deployedFile(name: string): string {
  return fileURLToPath(new URL(`../../deploy/scale-out/${name}`, import.meta.url));
}

/** @param samplers `host:port` of each; in place of the name that deploy/scale-out/samplers.yaml looks up */
export async function startGateway(binary: string, samplers: readonly string[]): Promise<CollectorServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  const samplersFile = join(folder, 'samplers.yaml');
  const resolver = { static: { hostnames: samplers } };
  writeFileSync(samplersFile, JSON.stringify({ exporters: { load_balancing: { resolver } } })); // YAML takes JSON
  const gateway = await startCollector(binary, [deployedFile('gateway.yaml'), samplersFile], {});
  return {
    ...gateway,
    async stop() {
      await gateway.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

export async function startSampler(binary: string, settings: SamplerSettings): Promise<CollectorServer> {
  return await startCollector(binary, [deployedFile('sampler.yaml')], {
    SAMPLER_STORE: settings.store,
    SAMPLER_DECISION_WAIT: `${settings.decisionWaitSeconds ?? 30}s`,
    SAMPLER_NUM_TRACES: String(settings.numTraces ?? 50_000),
    SAMPLER_METRICS_INTERVAL: '500ms',
  });
}

async function startCollector(
  binary: string,
  files: readonly string[],
  env: Record<string, string>,
): Promise<CollectorServer> {
  return await onFreePorts(5, async ([otlpGrpc, otlpHttp, health, metrics, telemetry]) => {
    const stop = await startServer({
      name: `the Collector with ${files[0]}`,
      binary,
      args: files.flatMap((file) => ['--config', file]),
      env: {
        ...env,
        COLLECTOR_LISTEN_HOST: loopback,
        COLLECTOR_OTLP_GRPC_PORT: String(otlpGrpc),
        COLLECTOR_OTLP_HTTP_PORT: String(otlpHttp),
        COLLECTOR_HEALTH_PORT: String(health),
        COLLECTOR_METRICS_PORT: String(metrics),
        COLLECTOR_TELEMETRY_PORT: String(telemetry),
      },
      readyUrl: `http://${loopback}:${health}/`,
    });
    return {
      otlpGrpcAddress: `${loopback}:${otlpGrpc}`,
      otlpHttpUrl: `http://${loopback}:${otlpHttp}`,
      metricsUrl: `http://${loopback}:${metrics}/metrics`,
      telemetryUrl: `http://${loopback}:${telemetry}/metrics`,
      stop,
    };
  });
}
