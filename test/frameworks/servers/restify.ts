/**
 * restify, whose route its own instrumentation tells in RPC metadata. All handlers are async: of one that calls `next`
 * that instrumentation ends its span twice.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Framework } from '../server-cases.ts';

/** What is used here of the package's types, which @types/restify would bring. */
type Handler = (request: IncomingMessage, response: Response) => Promise<void>;
interface Response extends ServerResponse {
  send(body: unknown): void;
}
interface RestifyModule {
  createServer(): {
    readonly server: Server;
    get(path: string, handler: Handler): void;
    post(path: string, handler: Handler): void;
  };
}

export const restify: Framework = {
  name: 'restify',
  tellsRoute: 'always',
  instrumentation: ['@opentelemetry/instrumentation-restify', 'RestifyInstrumentation'],
  create: async (story, lab) => {
    const { createServer } = lab.require('restify') as RestifyModule;
    const application = createServer();
    application.get('/wait/:id', async (_request, response) => {
      const { entered, over } = story();
      entered();
      await over;
      response.send('too late');
    });
    application.get('/parts/:id', async (_request, response) => {
      response.write('first part');
      story().entered();
    });
    application.post('/uploads/:id', async (request, response) => {
      response.send(await text(request));
    });
    application.get('/drop/:id', async function drop(_request, response) {
      response.destroy();
    });
    application.get('/fine/:id', async (_request, response) => {
      response.send('fine');
    });
    application.get('/throws/:id', async () => {
      throw new Error('bug');
    });
    application.get('/rejects/:id', async () => {
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    return application.server;
  },
};
