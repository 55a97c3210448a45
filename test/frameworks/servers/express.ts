/** Express 4 and 5; the routes are in a router, under which Express would forget them when a handler fails. */
import type http from 'node:http';
import type { Request, Response } from 'express';
import type { HttpLab } from '../../integrations/http/lab.ts';
import type { Framework, Story } from '../server-cases.ts';

type Express = typeof import('express');

export const express5: Framework = {
  name: 'Express 5',
  tellsRoute: 'always',
  create: async (story, lab) => create(lab.require('express') as Express, lab, story),
};

export const express4: Framework = {
  name: 'Express 4',
  tellsRoute: 'always',
  create: async (story, lab) => create(lab.require('express4') as Express, lab, story),
};

function create(express: Express, lab: HttpLab, story: () => Story): http.Server {
  const routes = express.Router();
  routes.get('/wait/:id', async (_request: Request, response: Response) => {
    const { entered, over } = story();
    entered();
    await over;
    response.send('too late');
  });
  routes.get('/parts/:id', (_request: Request, response: Response) => {
    response.write('first part');
    story().entered();
  });
  routes.post('/uploads/:id', express.json(), (_request: Request, response: Response) => {
    response.send('received');
  });
  routes.get('/drop/:id', function drop(_request: Request, response: Response) {
    response.destroy();
  });
  routes.get('/fine/:id', (_request: Request, response: Response) => {
    response.send('fine');
  });
  routes.get('/throws/:id', () => {
    throw new Error('bug');
  });
  routes.get('/rejects/:id', (_request: Request, _response: Response, next) => {
    setImmediate(() => next(new Error('bug')));
  });
  const application = express();
  application.set('env', 'test'); // which keeps the default error handler silent
  application.use(routes);
  return lab.http.createServer(application);
}
