import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeName } from '../support/cache.ts';
import { assertTagged, handlers } from '../support/outing.ts';
import { follow } from '../support/recipe.ts';
import { ownName } from '../support/tarball.ts';

/** As TypeScript compiles it: decorators are calls. */
const app = `import 'reflect-metadata';
import http from 'node:http';
import net from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
${handlers}
class Shop {
  slow() { return slow(); }
  out() { return out(); }
}
for (const name of ['slow', 'out'])
  Get(name)(Shop.prototype, name, Object.getOwnPropertyDescriptor(Shop.prototype, name));
Controller()(Shop);
class App {}
Module({ controllers: [Shop] })(App);
const app = await NestFactory.create(App, { logger: false });
await app.listen(Number(process.env.PORT), '127.0.0.1');
`;

const nodes: NodeName[] = ['22.12.0', '24'];
for (const node of nodes) {
  describe(`NestJS on Node ${node}`, () => {
    const { folder, runs, install } = follow('NestJS', { node, type: 'module' });

    it('installs', async () => {
      folder.write('app.js', app);
      await install('npm install @nestjs/common @nestjs/core @nestjs/platform-express reflect-metadata rxjs');
    });

    it('tags the official span', async () => {
      const run = runs[0]?.replace('main.js', 'app.js');
      assert.ok(run);
      const http = '@opentelemetry/instrumentation-http';
      await assertTagged(folder, run, { server: http, fetch: ownName, http });
    });
  });
}
