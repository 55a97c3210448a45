/** Jaeger as deploy/scale-out runs it, in parts that share an OpenSearch. */
import { fileURLToPath } from 'node:url';
import { deployedFile } from './collector.ts';
import { loopback, onFreePorts, startServer } from './server-process.ts';

export type JaegerPart = {
  /** Of those that take spans; `host:port` */
  otlpGrpcAddress: string;
  /** Of jaeger-query.yaml. */
  queryUrl: string;
  stop(): Promise<void>;
};

const uiFile = fileURLToPath(new URL('../../deploy/jaeger/ui.json', import.meta.url));

export async function startJaegerPart(
  binary: string,
  file: 'jaeger-collector.yaml' | 'jaeger-query.yaml' | 'kafka-writer.yaml' | 'kafka-reader.yaml',
  env: { OPENSEARCH_URL?: string; KAFKA_BROKER?: string },
): Promise<JaegerPart> {
  const files = env.OPENSEARCH_URL === undefined ? [file] : ['opensearch.yaml', file];
  return await onFreePorts(4, async ([otlpGrpc, queryHttp, queryGrpc, health]) => {
    const stop = await startServer({
      name: `Jaeger with ${file}`,
      binary,
      args: files.flatMap((name) => ['--config', deployedFile(name)]),
      env: {
        ...env,
        JAEGER_LISTEN_HOST: loopback,
        JAEGER_OTLP_GRPC_PORT: String(otlpGrpc),
        JAEGER_QUERY_HTTP_PORT: String(queryHttp),
        JAEGER_QUERY_GRPC_PORT: String(queryGrpc),
        JAEGER_HEALTH_PORT: String(health),
        JAEGER_UI_CONFIG: uiFile,
        JAEGER_PROMETHEUS_URL: `http://${loopback}:1`,
      },
      readyUrl: `http://${loopback}:${health}/status`,
    });
    return {
      otlpGrpcAddress: `${loopback}:${otlpGrpc}`,
      queryUrl: `http://${loopback}:${queryHttp}`,
      stop,
    };
  });
}
