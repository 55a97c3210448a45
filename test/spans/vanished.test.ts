/** Processes that vanish, as the report sees it in the spans of those who are left. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findingsOf } from '../../src/spans/findings.ts';
import { spansOfOtlp } from '../../src/spans/otlp.ts';
import { type Collector, entry, runApp, startCollector } from '../register/app.ts';

/** Answers /ok, and nothing else; says where it listens. */
const server = `
  const http = require('node:http');
  const answer = (request, response) => { if (request.url === '/ok') response.end('ok'); };
  const plain = http.createServer(answer).listen(0, '127.0.0.1');
  // Its first connection but one is lost before the request is read, as an idle one that is closed just then.
  let connections = 0;
  const lossy = http.createServer(answer).listen(0, '127.0.0.1');
  lossy.prependListener('connection', (socket) => { if (++connections === 2) socket.destroy(); });
  const http2 = require('node:http2').createServer(answer).listen(0, '127.0.0.1');
  const grpc = require('@grpc/grpc-js');
  const same = (value) => value;
  const call = { path: '/shop.Orders/Place', requestStream: false, responseStream: false,
    requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  const service = new grpc.Server();
  service.addService({ call }, { call: ({ request }, done) => { if (String(request) === '/ok') done(null, request); } });
  service.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, port) => {
    console.log(JSON.stringify([plain, lossy, http2].map((each) => each.address().port).concat(port)));
  });`;

/** Starts the server, has a request answered by each of its ports, and runs `act` with what calls them. */
const client = (act: string): string => `
  const { spawn } = require('node:child_process');
  const { once } = require('node:events');
  const http = require('node:http');
  const http2 = require('node:http2');
  const grpc = require('@grpc/grpc-js');
  const { setTimeout: delay } = require('node:timers/promises');
  const same = (value) => value;
  const get = (port, path) => new Promise((resolve) => {
    http.get({ host: '127.0.0.1', port, path, agent: false }, (answer) => answer.resume()).on('error', () => {}).on('close', resolve);
  });
  (async () => {
    const server = spawn(process.execPath, ['--require', ${JSON.stringify(entry)}, '--eval', ${JSON.stringify(server)}], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, OTEL_SERVICE_NAME: 'stock', OTEL_BSP_SCHEDULE_DELAY: '20' },
    });
    const [line] = await once(server.stdout, 'data');
    const [plain, lossy, h2, rpc] = JSON.parse(String(line));
    const session = http2.connect('http://127.0.0.1:' + h2).on('error', () => {});
    const stream = (path) => new Promise((resolve) => {
      session.request({ ':path': path }).on('error', () => {}).on('close', resolve).resume();
    });
    const calls = new grpc.Client('127.0.0.1:' + rpc, grpc.credentials.createInsecure());
    const call = (path) => new Promise((resolve) => {
      calls.makeUnaryRequest('/shop.Orders/Place', same, same, Buffer.from(path), resolve);
    });
    const fetched = (path) => fetch('http://127.0.0.1:' + plain + path).then((answer) => answer.text()).catch(() => {});
    await Promise.all([get(plain, '/ok'), get(lossy, '/ok'), stream('/ok'), call('/ok')]);
    const all = () => Promise.all([get(plain, '/slow'), fetched('/slow'), stream('/slow'), call('/slow')]);
    ${act}
    session.destroy();
    calls.close();
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
  })();`;

describe('the report on processes that end', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  async function vanished(act: string): Promise<string[]> {
    const first = collector.bodies.length;
    const { code, stderr } = await runApp(client(act), {
      flags: ['--require', entry],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'gateway' },
      isModule: false,
    });
    assert.equal(code, 0, stderr);
    const spans = collector.bodies.slice(first).flatMap((body) => spansOfOtlp(body) ?? []);
    assert.ok(spans.some(({ serviceName }) => serviceName === 'stock'));
    return findingsOf(spans)
      .filter(({ rule }) => rule === 'process_vanished')
      .map(({ detail, span }) => `${span.serviceName}: ${detail.replaceAll(/:\d+ /g, ' ')}`)
      .toSorted();
  }

  it('names one that was killed, by address, and how many requests were in flight', async () => {
    const lines = await vanished("const over = all(); await delay(500); server.kill('SIGKILL'); await over;");
    const one = 'gateway: stock at 127.0.0.1 ended with a request in flight: reset, and no SERVER span';
    assert.deepEqual(lines, [one.replace('a request', '2 requests'), one, one]);
  });

  it('names none that has recorded its end', async () => {
    assert.deepEqual(
      await vanished("const over = all(); await delay(500); server.kill('SIGTERM'); await over;"),
      [],
    );
  });

  it('names none that lives, and has lost a connection', async () => {
    assert.deepEqual(await vanished("await get(lossy, '/slow'); await get(lossy, '/ok');"), []);
  });
});
