/**
 * A real Jaeger for one test file: deploy/jaeger/config.yaml as it is deployed, on free loopback ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type JaegerServer = {
  otlpHttpUrl: string;
  otlpGrpcUrl: string;
  queryUrl: string;
  stop(): Promise<void>;
};

const configFile = fileURLToPath(new URL('../../deploy/jaeger/config.yaml', import.meta.url));
const uiFile = fileURLToPath(new URL('../../deploy/jaeger/ui.json', import.meta.url));
const loopback = '127.0.0.1';
const startLimitMs = 30_000;

export async function startJaeger(binary: string): Promise<JaegerServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnFreePorts(binary);
    } catch (error) {
      // Between choosing a port and Jaeger's binding it, somebody else may take it.
      if (attempt === 3 || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function startOnFreePorts(binary: string): Promise<JaegerServer> {
  const [otlpGrpc, otlpHttp, queryHttp, queryGrpc, health] = await freePorts(5);
  const jaeger = spawn(binary, ['--config', configFile], {
    // Not the test's own environment: OTEL_* variables would configure Jaeger's own telemetry.
    env: {
      JAEGER_LISTEN_HOST: loopback,
      JAEGER_OTLP_GRPC_PORT: String(otlpGrpc),
      JAEGER_OTLP_HTTP_PORT: String(otlpHttp),
      JAEGER_QUERY_HTTP_PORT: String(queryHttp),
      JAEGER_QUERY_GRPC_PORT: String(queryGrpc),
      JAEGER_HEALTH_PORT: String(health),
      JAEGER_UI_CONFIG: uiFile,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = stopperOf(jaeger);
  let log = '';
  jaeger.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
  });
  try {
    await healthy(jaeger, `http://${loopback}:${health}/status`);
  } catch (error) {
    await stop();
    throw new Error(`Jaeger did not start: ${error instanceof Error ? error.message : error}\n${log}`);
  }
  return {
    otlpHttpUrl: `http://${loopback}:${otlpHttp}`,
    otlpGrpcUrl: `http://${loopback}:${otlpGrpc}`,
    queryUrl: `http://${loopback}:${queryHttp}`,
    stop,
  };
}

/** All are held until all are known, so that none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, loopback));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => {
    const address = holder.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return address.port;
  });
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

async function healthy(jaeger: ChildProcess, statusUrl: string): Promise<void> {
  let failure: string | undefined;
  jaeger.once('error', (error) => {
    failure = error.message;
  });
  jaeger.once('close', (code, signal) => {
    failure ??= `it exited with ${code ?? signal}`;
  });
  const giveUpAt = Date.now() + startLimitMs;
  while (failure === undefined) {
    const answer = await fetch(statusUrl).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    if (Date.now() > giveUpAt) throw new Error(`not healthy within ${startLimitMs} ms`);
    await delay(50);
  }
  throw new Error(failure);
}

/** A test that dies must not leave its Jaeger behind. */
function stopperOf(jaeger: ChildProcess): () => Promise<void> {
  const closed = new Promise<void>((resolve) => jaeger.once('close', () => resolve()));
  const kill = () => jaeger.kill('SIGKILL');
  const passOn = (signal: NodeJS.Signals) => {
    kill();
    process.kill(process.pid, signal);
  };
  process.once('exit', kill).once('SIGINT', passOn).once('SIGTERM', passOn);
  return async () => {
    process.off('exit', kill).off('SIGINT', passOn).off('SIGTERM', passOn);
    if (jaeger.pid === undefined) return;
    jaeger.kill('SIGTERM');
    const killLater = setTimeout(kill, 5_000);
    await closed;
    clearTimeout(killLater);
  };
}
