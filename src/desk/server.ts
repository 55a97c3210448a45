/** One HTTP server: takes spans by OTLP/HTTP, answers the page, and is the page. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { Keep } from '../receiver/intake.ts';
import { otlpRoutes } from '../receiver/otlp-http.ts';
import { apiRoutes, type DeskInfo, type TimelineOf } from './api.ts';
import { guarded } from './guarded.ts';
import { pageRoutes } from './page-files.ts';
import type { SpanStore } from './store.ts';
import type { WorkNow } from './work-now.ts';

export interface Desk {
  /** Of the page, and the endpoint of OTLP/HTTP. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface DeskOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly store: SpanStore;
  readonly work: WorkNow;
  readonly keep: Keep;
  readonly info: DeskInfo;
  readonly timelineOf?: TimelineOf | undefined;
}

/** @throws {NodeJS.ErrnoException} EADDRINUSE and others, of `listen()` */
export async function openDesk({
  host,
  port,
  store,
  work,
  keep,
  info,
  timelineOf,
}: DeskOptions): Promise<Desk> {
  const app = new Hono();
  app.use(guarded(host));
  app.route('/', otlpRoutes(keep));
  app.route('/api', apiRoutes(store, work, info, timelineOf));
  app.route('/', await pageRoutes());
  app.notFound((context) => context.json({ message: `nothing is at ${context.req.path}` }, 404));
  app.onError((error, context) => context.json({ message: error.message }, 500));
  return await serve(app, host, port);
}

/** @throws {NodeJS.ErrnoException} EADDRINUSE and others, of `listen()` */
export async function serve(app: Hono, host: string, port: number): Promise<Desk> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
