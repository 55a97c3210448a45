/** Koa with @koa/router, which keeps the route on a context that nothing of Node's leads to. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Framework } from '../server-cases.ts';

/** What is used here of the packages' types, which @types/koa would bring. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  respond?: boolean;
  status: number;
  body: unknown;
  readonly matched: { readonly path: string; readonly methods: readonly string[] }[];
}
type Middleware = (context: KoaContext, next: () => Promise<void>) => unknown;
export interface KoaModule {
  new (): {
    silent: boolean;
    use(middleware: Middleware): unknown;
    callback(): (request: IncomingMessage, response: ServerResponse) => unknown;
  };
}
export interface KoaRouterModule {
  new (): {
    use(middleware: Middleware): unknown;
    get(path: string, middleware: Middleware): unknown;
    post(path: string, middleware: Middleware): unknown;
    routes(): Middleware;
  };
}

export const koa: Framework = {
  name: 'Koa',
  tellsRoute: 'never',
  create: async (story, lab) => {
    const Koa = lab.require('koa') as KoaModule;
    const { Router } = lab.require('@koa/router') as { readonly Router: KoaRouterModule };
    const router = new Router();
    router.get('/wait/:id', async (context) => {
      const { entered, over } = story();
      entered();
      await over;
      context.body = 'too late';
    });
    router.get('/parts/:id', (context) => {
      const body = new PassThrough();
      body.write('first part');
      context.body = body;
      story().entered();
    });
    router.post('/uploads/:id', async (context) => {
      context.body = await text(context.req);
    });
    router.get('/drop/:id', function drop(context) {
      context.respond = false;
      context.res.destroy();
    });
    router.get('/fine/:id', (context) => {
      context.body = 'fine';
    });
    router.get('/throws/:id', () => {
      throw new Error('bug');
    });
    router.get('/rejects/:id', async () => {
      await new Promise(setImmediate);
      throw new Error('bug');
    });
    const application = new Koa();
    application.silent = true;
    application.use(router.routes());
    return lab.http.createServer(application.callback());
  },
};
