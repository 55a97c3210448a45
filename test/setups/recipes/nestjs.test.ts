import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { NodeName } from '../support/cache.ts';
import { assertOuting, handlers, hasAll, visit } from '../support/outing.ts';
import { recipe } from '../support/recipe.ts';
import { SetupFolder } from '../support/setup-folder.ts';

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
    const folder = new SetupFolder({ node, type: 'module' });
    after(() => folder.remove());
    const { installs, files, runs } = recipe('NestJS');

    it('installs', async () => {
      folder.write('app.js', app);
      for (const [name, text] of files) folder.write(name, text);
      await folder.install(
        'npm install @nestjs/common @nestjs/core @nestjs/platform-express reflect-metadata rxjs',
      );
      for (const install of installs) await folder.install(install);
    });

    it('tags the official span', async () => {
      const run = runs[0]?.replace('main.js', 'app.js');
      assert.ok(run);
      const { spans, stderr } = await folder.observe(run, visit, hasAll, {
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_NODE_RESOURCE_DETECTORS: 'env',
      });
      const http = '@opentelemetry/instrumentation-http';
      folder.check(() => {
        assertOuting(spans, { server: http, fetch: 'opentelemetry-instrumentation-cancellation', http });
        assert.equal(stderr, '');
      });
    });
  });
}
