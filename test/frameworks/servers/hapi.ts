/** hapi, whose route its own instrumentation tells in RPC metadata. */
import type { Server, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Framework } from '../server-cases.ts';

/** What is used here of the package. */
type Handler = (
  request: { readonly raw: { readonly res: ServerResponse } },
  toolkit: { readonly abandon: symbol },
) => unknown;
interface HapiModule {
  server(options: object): {
    readonly listener: Server;
    route(route: { method: string; path: string; handler: Handler }): void;
    start(): Promise<void>;
  };
}

export const hapi: Framework = {
  name: 'hapi',
  tellsRoute: 'once the body is read',
  instrumentation: ['@opentelemetry/instrumentation-hapi', 'HapiInstrumentation'],
  parameter: '{id}',
  create: async (story, lab) => {
    const { server: createServer } = lab.require('@hapi/hapi') as HapiModule;
    const server = createServer({ port: 0, host: '127.0.0.1', debug: false });
    const on = (method: 'GET' | 'POST', path: string, handler: Handler): void => {
      server.route({ method, path, handler });
    };
    on('GET', '/wait/{id}', async () => {
      const { entered, over } = story();
      entered();
      await over;
      return 'too late';
    });
    on('GET', '/parts/{id}', () => {
      const body = new PassThrough();
      body.write('first part');
      story().entered();
      return body;
    });
    on('POST', '/uploads/{id}', () => 'received');
    on('GET', '/drop/{id}', function drop(request, toolkit) {
      request.raw.res.destroy();
      return toolkit.abandon;
    });
    on('GET', '/fine/{id}', () => 'fine');
    on('GET', '/throws/{id}', () => {
      throw new Error('bug');
    });
    on('GET', '/rejects/{id}', async () => {
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    await server.start();
    return server.listener;
  },
};
