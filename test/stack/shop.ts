/** The shop of examples/, visited without a pause until it is stopped; and a service with what it lacks, a database. */
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// The examples are plain JavaScript without declarations: the import is untyped on purpose.
const { startProcess } = await import(new URL('../../examples/processes.js', import.meta.url).href);

const cwd = fileURLToPath(new URL('../..', import.meta.url));

export type Shop = {
  /** The first process that died untold. */
  death(): Error | undefined;
  stop(): Promise<void>;
};

type Process = { listening: Promise<string>; stop(): Promise<void> };

export async function openShop(otlpHttpUrl: string): Promise<Shop> {
  let died: Error | undefined;
  const running: Process[] = [];
  const start = (name: string, serviceName: string, env: Record<string, string> = {}): Process => {
    const service: Process = startProcess(`${name}.js`, {
      cwd,
      env: {
        PATH: process.env.PATH,
        HOST: '127.0.0.1',
        PORT: '0',
        OTEL_SERVICE_NAME: serviceName,
        OTEL_EXPORTER_OTLP_ENDPOINT: otlpHttpUrl,
        OTEL_BSP_SCHEDULE_DELAY: '500',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
        OTEL_METRIC_EXPORT_TIMEOUT: '1000',
        ...env,
      },
      isService: true,
      onLine: () => {},
      onDeath: (error: Error) => {
        died ??= error;
      },
    });
    running.unshift(service);
    return service;
  };
  const stockUrl = await start('examples/shop/stock', 'stock').listening;
  const ordersAddress = await start('examples/shop/orders', 'orders', { STOCK_URL: stockUrl }).listening;
  const gateway = start('examples/shop/gateway', 'gateway', {
    STOCK_URL: stockUrl,
    ORDERS_ADDRESS: ordersAddress,
  });
  start('examples/shop/load', 'browser', { GATEWAY_URL: await gateway.listening, ROUNDS: 'Infinity' });
  // In metrics only: the services that have spans are the shop's.
  start('test/stack/left-queries', 'queries', { OTEL_TRACES_EXPORTER: 'none' });
  await retire(start('examples/shop/stock', 'stock'));
  return {
    death: () => died,
    async stop() {
      // One after the other, callers first: as docker compose does not, but as a demo should end.
      for (const service of running) await service.stop();
    },
  };
}

/** As in a deploy: told to end while it has a request, which it answers. */
async function retire(stock: Process): Promise<void> {
  const url = `${await stock.listening}/stock/lamp?warehouse=south`;
  http.get(url, { agent: false }, (response) => response.resume());
  await delay(300);
  await stock.stop();
}
