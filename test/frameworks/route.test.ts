/** `http.route` and the name of SERVER spans of our own, where the pattern is not simply that of the route. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { after, beforeEach, describe, it } from 'node:test';
import { context, SpanKind } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import type { Application, RequestHandler } from 'express';
import { HttpLab } from '../integrations/http/lab.ts';
import { Telemetry } from '../support/telemetry.ts';
import type { KoaModule, KoaRouterModule } from './servers/koa.ts';

type Express = typeof import('express');

const telemetry = new Telemetry('alone');
const lab = new HttpLab();
const answer: RequestHandler = (_request, response) => {
  response.send('answer');
};
const fail: RequestHandler = () => {
  throw new Error('bug');
};

after(() => lab.close());
beforeEach(() => telemetry.reset());

/** Requests the target over a plain socket and returns name and route of the one span. */
async function routeFor(
  listener: RequestListener,
  target: string,
  method = 'GET',
): Promise<readonly [name: string | undefined, route: unknown]> {
  const { port } = await lab.serve(listener);
  const client = await lab.connectRaw(
    port,
    `${method} ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
  );
  client.resume();
  await once(client, 'close');
  await telemetry.allEnded();
  const servers = telemetry.ended.filter(({ kind }) => kind === SpanKind.SERVER);
  assert.equal(servers.length, 1);
  assert.deepEqual(telemetry.diagnostics, []);
  return [servers[0]?.name, servers[0]?.attributes['http.route']];
}

interface Case {
  readonly name: string;
  readonly build: (application: Application, express: Express) => unknown;
  readonly target: string;
  readonly route: string | undefined;
}

const cases: readonly Case[] = [
  {
    name: 'a route of the application',
    build: (app) => app.get('/a/:id', answer),
    target: '/a/1?b',
    route: '/a/:id',
  },
  { name: 'the root', build: (app) => app.get('/', answer), target: '/', route: '/' },
  {
    name: 'a target in absolute form',
    build: (app, { Router }) => app.use('/in', Router().get('/:id', answer)),
    target: 'http://a/in/1',
    route: '/in/:id',
  },
  {
    name: 'a router that is mounted',
    build: (app, { Router }) => app.use('/api/v1.0/', Router().get('/a/:id', answer)),
    target: '/api/v1.0/a/1',
    route: '/api/v1.0/a/:id',
  },
  {
    name: 'the root of a router that is mounted',
    build: (app, { Router }) => app.use('/api', Router().get('/', answer)),
    target: '/api',
    route: '/api',
  },
  {
    name: 'routers that are mounted under parameters, one in the other',
    build: (app, { Router }) =>
      app.use('/users/:user', Router().use('/posts/:post', Router().get('/edit', answer))),
    target: '/users/1/posts/2/edit',
    route: '/users/:user/posts/:post/edit',
  },
  {
    name: 'a router that is mounted twice',
    build: (app, { Router }) => {
      const router = Router().get('/a', answer);
      app.use('/v1', router).use('/v2', router);
    },
    target: '/v2/a',
    route: '/v2/a',
  },
  {
    name: 'a handler that fails in a router that is mounted',
    build: (app, { Router }) => app.use('/api/:version', Router().get('/a/:id', fail)),
    target: '/api/1/a/2',
    route: '/api/:version/a/:id',
  },
  {
    name: 'an application that is mounted',
    build: (app, express) => {
      const outer = express();
      outer.use('/:shop', express().get('/a/:id', answer));
      app.use('/shops', outer);
    },
    target: '/shops/1/a/2',
    route: '/shops/:shop/a/:id',
  },
  {
    name: 'an application that a router mounts, which nobody can know',
    build: (app, express) => app.use('/in', express.Router().use('/it', express().get('/a', answer))),
    target: '/in/it/a',
    route: undefined,
  },
  {
    name: 'a router behind a regular expression, which is no pattern',
    build: (app, { Router }) => app.use(/^\/v\d+/, Router().get('/a', answer)),
    target: '/v7/a',
    route: undefined,
  },
  {
    name: 'a route that is a regular expression',
    build: (app) => app.get(/^\/a\d+$/, answer),
    target: '/a1',
    route: undefined,
  },
  {
    name: 'a path that was rewritten',
    build: (app, { Router }) => {
      app.use((request, _response, next) => {
        request.url = '/new/1';
        next();
      });
      app.use('/new', Router().get('/:id', answer));
    },
    target: '/old',
    route: '/new/:id',
  },
  {
    name: 'a path that cannot be decoded, after a route that let it pass',
    build: (app, { Router }) => {
      app.use(Router().use('/a/:id', Router().get('/b', answer)));
      app.get('/a/x', answer);
    },
    target: '/a/%zz/b',
    route: undefined,
  },
  { name: 'no route', build: () => {}, target: '/a', route: undefined },
];

for (const version of ['express', 'express4']) {
  describe(`the route in ${version}`, () => {
    for (const { name, build, target, route } of cases) {
      it(name, async () => {
        const express = lab.require(version) as Express;
        const application = express();
        application.set('env', 'test');
        build(application, express);
        const name = route === undefined ? 'GET' : `GET ${route}`;
        assert.deepEqual(await routeFor(application, target), [name, route]);
      });
    }
  });
}

describe('the route', () => {
  it('of Fastify has the prefix of its plugin', async () => {
    const { fastify } = lab.require('fastify') as typeof import('fastify');
    const application = fastify();
    application.register(
      async (plugin) => {
        plugin.get('/a/:id', async () => 'answer');
      },
      { prefix: '/api' },
    );
    await application.ready();
    assert.deepEqual(await routeFor(application.routing, '/api/a/1'), ['GET /api/a/:id', '/api/a/:id']);
  });

  it('may be told by the application or by an instrumentation of its framework, in RPC metadata', async () => {
    const Koa = lab.require('koa') as KoaModule;
    const { Router } = lab.require('@koa/router') as { readonly Router: KoaRouterModule };
    const application = new Koa();
    const router = new Router();
    router.use((koaContext, next) => {
      const metadata = getRPCMetadata(context.active());
      assert.ok(metadata);
      metadata.route = koaContext.matched.findLast(({ methods }) => methods.length > 0)?.path ?? '';
      return next();
    });
    router.get('/a/:id', (koaContext) => {
      koaContext.body = 'answer';
    });
    application.use(router.routes());
    assert.deepEqual(await routeFor(application.callback(), '/a/1'), ['GET /a/:id', '/a/:id']);
  });

  it('follows HTTP when the method is none that is known', async () => {
    const express = lab.require('express') as Express;
    const application = express();
    application.all('/a/:id', answer);
    assert.deepEqual(await routeFor(application, '/a/1', 'PROPFIND'), ['HTTP /a/:id', '/a/:id']);
  });
});
