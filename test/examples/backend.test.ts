/** Where the demo's spans go when the environment names an endpoint that is no Jaeger. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { after, before, it } from 'node:test';

// The examples are plain JavaScript without declarations: the import is untyped on purpose.
const { chooseBackend } = await import(new URL('../../examples/backend.js', import.meta.url).href);

const request = {
  resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }] }] }],
};
const seen: { url: string | undefined; tenant: unknown; body: unknown }[] = [];
let status = 200;
const server = http.createServer(async (incoming, response) => {
  const body = await json(incoming);
  seen.push({ url: incoming.url, tenant: incoming.headers['x-tenant'], body });
  response.writeHead(status).end();
});
let endpoint = '';

before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close().closeAllConnections());

async function send(env: NodeJS.ProcessEnv): Promise<{ finish(): Promise<void> }> {
  seen.length = 0;
  const backend = await chooseBackend(env);
  after(() => backend.close());
  const response = await fetch(`${backend.endpoint}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  assert.equal(response.status, 200);
  assert.equal((await backend.collect()).length, 1);
  return backend;
}

it('spans are passed on to it, with the headers of the environment', async () => {
  const backend = await send({
    OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=one%20two, x-other=1',
  });
  await backend.finish();
  assert.deepEqual(seen.at(-1), { url: '/v1/traces', tenant: 'one two', body: request });
});

it('and that it refuses them is a failure', async () => {
  status = 503;
  const backend = await send({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/spans` });
  await assert.rejects(backend.finish(), /could not export to .*\/spans: it answered 503/);
  assert.equal(seen.at(-1)?.url, '/spans');
});
