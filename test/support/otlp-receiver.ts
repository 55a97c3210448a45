/** The receiver of OTLP/HTTP that the commands have, alone, with what it was sent. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Keep } from '../../src/receiver/intake.ts';
import { otlpRoutes } from '../../src/receiver/otlp-http.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';

export interface OtlpReceiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT wants. */
  readonly url: string;
  readonly spans: ExportedSpan[];
  /** Those that have spans, in the shape of OTLP's JSON. */
  readonly requests: unknown[];
  close(): Promise<void>;
}

/** @param keep is asked first: what it throws refuses the request */
export async function startReceiver(keep: Keep = () => {}): Promise<OtlpReceiver> {
  const spans: ExportedSpan[] = [];
  const requests: unknown[] = [];
  const routes = otlpRoutes(async (received, request) => {
    await keep(received, request);
    spans.push(...received);
    requests.push(request);
  });
  const server = createAdaptorServer({ fetch: routes.fetch, overrideGlobalObjects: false }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
