import { Readable } from 'node:stream';
import type { Framework } from '../server-cases.ts';

export const fastify: Framework = {
  name: 'Fastify',
  tellsRoute: 'once the body is read',
  create: async (story, lab) => {
    const { fastify: createApplication } = lab.require('fastify') as typeof import('fastify');
    const application = createApplication();
    application.get('/wait/:id', async () => {
      const { entered, over } = story();
      entered();
      await over;
      return 'too late';
    });
    application.get('/parts/:id', (_request, reply) => {
      const body = new Readable({ read() {} });
      body.push('first part');
      story().entered();
      reply.send(body);
    });
    application.post('/uploads/:id', async () => 'received');
    application.get('/drop/:id', function drop(_request, reply) {
      reply.hijack();
      reply.raw.destroy();
    });
    application.get('/fine/:id', async () => 'fine');
    application.get('/throws/:id', () => {
      throw new Error('bug');
    });
    application.get('/rejects/:id', async () => {
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    await application.ready();
    return application.server;
  },
};
