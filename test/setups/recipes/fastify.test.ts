import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeName } from '../support/cache.ts';
import { assertOuting, handlers, hasAll, tracesOnly, visit } from '../support/outing.ts';
import { follow } from '../support/recipe.ts';
import { ownName } from '../support/tarball.ts';

const app = `const http = require('node:http');
const net = require('node:net');
const fastify = require('fastify');
${handlers}
const app = fastify();
app.after(() => {
  app.get('/slow', slow);
  app.get('/out', out);
});
app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
`;

const nodes: NodeName[] = ['22', '24'];
for (const node of nodes) {
  describe(`@fastify/otel on Node ${node}`, () => {
    const { folder, runs, install } = follow('@fastify/otel', { node, type: 'commonjs' });

    it('installs', async () => {
      folder.write('app.js', app);
      await install('npm install fastify');
    });

    it('puts its spans into ours, which is marked', async () => {
      assert.ok(runs[0]);
      const { spans, stderr } = await folder.observe(runs[0], visit, hasAll, tracesOnly);
      folder.check(() => {
        assertOuting(spans, { server: ownName, fetch: ownName, http: ownName });
        const server = spans.find(
          ({ kind, attributes }) => kind === 'server' && attributes['context.canceled'],
        );
        const theirs = spans.filter(({ scopeName }) => scopeName === '@fastify/otel');
        assert.ok(theirs.some(({ parentSpanId }) => parentSpanId === server?.spanId));
        assert.equal(server?.attributes['http.route'], '/slow');
        assert.equal(stderr, '');
      });
    });
  });
}
