/** Hono on @hono/node-server, which makes a Request and a Response of Node's: nothing leads from those to the route. */
import type { Server } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Framework } from '../server-cases.ts';

export const hono: Framework = {
  name: 'Hono',
  tellsRoute: 'never',
  create: async (story) => {
    const { Hono } = await import('hono');
    const { stream } = await import('hono/streaming');
    const { createAdaptorServer } = await import('@hono/node-server');
    const { RESPONSE_ALREADY_SENT } = await import('@hono/node-server/utils/response');
    const application = new Hono<{ Bindings: HttpBindings }>();
    application.get('/wait/:id', async (context) => {
      const { entered, over } = story();
      entered();
      await over;
      return context.text('too late');
    });
    application.get('/parts/:id', (context) => {
      const { entered, over } = story();
      return stream(context, async (body) => {
        await body.write('first part');
        entered();
        await over;
      });
    });
    application.post('/uploads/:id', async (context) => context.json(await context.req.json()));
    application.get('/drop/:id', function drop(context) {
      context.env.outgoing.destroy();
      return RESPONSE_ALREADY_SENT;
    });
    application.get('/fine/:id', (context) => context.text('fine'));
    application.get('/throws/:id', () => {
      throw new Error('bug');
    });
    application.get('/rejects/:id', async () => {
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    application.onError((_error, context) => context.text('sorry', 500)); // the default one writes to the console
    return createAdaptorServer({ fetch: application.fetch }) as Server;
  },
};
