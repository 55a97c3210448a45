/** Processes that vanish, as the report sees it in the spans of those who are left. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { findingsAmong } from '../../src/spans/findings.ts';
import { groupBy } from '../../src/spans/group-by.ts';
import { spansOfOtlp } from '../../src/spans/otlp.ts';
import type { Attributes, ExportedSpan } from '../../src/spans/span.ts';
import { vanishedProcesses } from '../../src/spans/vanished.ts';
import { VanishedWitnesses } from '../../src/spans/vanished-witnesses.ts';
import { type Collector, entry, runApp, startCollector } from '../register/app.ts';

/** Answers /ok, and /told when its spans are exported, and nothing else; says where it listens. */
const server = `
  const http = require('node:http');
  const { trace } = require('@opentelemetry/api');
  const told = () => trace.getTracerProvider().getDelegate().forceFlush();
  const answer = (request, response) => {
    if (request.url === '/ok') response.end('ok');
    if (request.url === '/told') told().then(() => response.end());
  };
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

/** Starts the server, has a request answered by each of its ports, runs `act` with what calls them, and lives on for a while. */
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
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
    await Promise.all([get(plain, '/gone'), get(lossy, '/gone'), call('/gone')]);
    await new Promise((resolve) => http2.connect('http://127.0.0.1:' + h2).on('error', resolve).request().on('error', () => {}));
    calls.close();
    const { trace } = require('@opentelemetry/api');
    trace.getTracer('later').startSpan('later', { startTime: Date.now() + 11000 }).end(Date.now() + 11000);
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
    return findingsAmong(spans)
      .filter(({ rule }) => rule === 'process_vanished')
      .map(({ detail, span }) => `${span.serviceName}: ${detail.replaceAll(/:\d+ /g, ' ')}`)
      .toSorted();
  }

  const both =
    "const over = all(); await delay(550); await Promise.all([get(plain, '/ok'), stream('/ok'), call('/ok')]);";

  it('names one that was killed, by address, and how many requests were in flight', async () => {
    const lines = await vanished(`${both} await get(plain, '/told'); server.kill('SIGKILL'); await over;`);
    const one =
      'gateway: stock at 127.0.0.1 ended with a request in flight: reset, no SERVER span, and nobody there since';
    assert.deepEqual(lines, [one.replace('a request', '2 requests'), one, one]);
  });

  it('names none that has recorded its end', async () => {
    assert.deepEqual(await vanished(`${both} server.kill('SIGTERM'); await over;`), []);
  });

  it('names none that lives, and has lost a connection', async () => {
    assert.deepEqual(await vanished("await get(lossy, '/slow'); await get(lossy, '/ok');"), []);
  });
});

/** A span of the gateway's trace `traceId`; times in ms. */
function span(
  traceId: string,
  kind: ExportedSpan['kind'],
  [startMs, endMs]: readonly [number, number],
  more: Partial<ExportedSpan> = {},
): ExportedSpan {
  const isGateway = kind === 'client';
  return {
    traceId,
    kind,
    startMs,
    endMs,
    durationMs: endMs - startMs,
    spanId: kind,
    parentSpanId: isGateway ? undefined : 'client',
    name: 'GET',
    serviceName: isGateway ? 'gateway' : 'stock',
    processId: isGateway ? 'gateway-1' : 'stock-1',
    scopeName: '',
    status: { code: 'unset', message: '' },
    attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

const at: Attributes = { 'network.peer.address': '10.0.0.7', 'network.peer.port': 80 };
const answered = (traceId: string, ms: readonly [number, number], by = 'stock-1'): ExportedSpan[] => [
  span(traceId, 'client', ms, { attributes: { ...at, 'http.response.status_code': 200 } }),
  span(traceId, 'server', ms, { processId: by }),
];
const reset = (traceId: string, ms: readonly [number, number], more: Attributes = {}): ExportedSpan =>
  span(traceId, 'client', ms, { attributes: { ...at, 'error.type': 'ECONNRESET', ...more } });
const refused = (atMs: number, address = '10.0.0.7:80'): ExportedSpan =>
  span('refused', 'client', [atMs, atMs + 2], {
    status: { code: 'error', message: `connect ECONNREFUSED ${address}` },
    attributes: { 'server.address': '10.0.0.7', 'server.port': 80, 'error.type': 'ECONNREFUSED' },
  });
const later = answered('later', [120_000, 120_010], 'stock-2');
const first = answered('first', [0, 10]);

/** What a report sees, which holds a few of them only: the same as among all, whatever else there was. */
function addressesAmongFew(spans: readonly ExportedSpan[]): string[] {
  const others = Array.from({ length: 500 }, (_, index) =>
    answered(`other ${index}`, [index, index + 5]),
  ).flat();
  const isServed = spans.some(({ kind, processId }) => kind === 'server' && processId === 'stock-1');
  const all = [...spans, ...(isServed ? others : [])];
  const witnesses = new VanishedWitnesses();
  for (const trace of groupBy(all, ({ traceId }) => traceId).values()) witnesses.add(trace);
  const few = witnesses.spans();
  if (isServed) assert.ok(few.length < all.length / 4);
  return vanishedProcesses(few).map(({ address, spans: cut }) => `${address} ${cut.length}`);
}

describe('of a process that is silent', () => {
  const cut = reset('cut', [50_000, 51_000]);
  const meanwhile = answered('meanwhile', [50_500, 50_510]);
  const wasKilled: [what: string, spans: ExportedSpan[]][] = [
    ['waited on while another was answered', [...first, cut, ...meanwhile, refused(51_100), ...later]],
    [
      'had its head',
      [
        ...first,
        reset('cut', [50_990, 51_000], { 'http.response.status_code': 200 }),
        refused(51_100),
        ...later,
      ],
    ],
    [
      'had work done for it',
      [
        ...first,
        reset('cut', [50_990, 51_000]),
        span('cut', 'internal', [50_991, 50_992], { parentSpanId: 'a SERVER span' }),
        refused(51_100),
        ...later,
      ],
    ],
    [
      'waited on, and what was answered last is not exported',
      [
        ...first,
        cut,
        ...meanwhile,
        ...answered('unsent', [50_800, 50_810]).slice(0, 1),
        refused(51_100),
        ...later,
      ],
    ],
  ];
  for (const [what, spans] of wasKilled) {
    it(`a request that was in flight tells that it was killed: it ${what}`, () => {
      assert.deepEqual(
        vanishedProcesses(spans).map(({ address }) => address),
        ['10.0.0.7:80'],
      );
      assert.deepEqual(addressesAmongFew(spans), ['10.0.0.7:80 1']);
    });
  }

  const isRight: [what: string, spans: ExportedSpan[]][] = [
    [
      'closes idle connections, and is idle from then on',
      [...first, reset('race', [51_000, 51_003]), ...later],
    ],
    [
      'closes its server with nothing in flight just as somebody sends, and ends',
      [...first, ...meanwhile, reset('race', [50_499, 50_560]), refused(51_100), ...later],
    ],
    [
      'ends before it has read what came while its event loop was held',
      [...first, ...meanwhile, reset('unread', [50_505, 52_000]), refused(52_100), ...later],
    ],
    ['is behind a load balancer that has cut it off', [...first, ...meanwhile, cut, ...later]],
    [
      'is behind a load balancer that has cut it off, and sends the rest to another',
      [...first, ...meanwhile, cut, ...answered('other', [51_100, 51_110], 'stock-2'), ...later],
    ],
    [
      'is behind a load balancer of which another address refuses',
      [
        ...first,
        ...meanwhile,
        cut,
        refused(51_100, '10.0.0.7:8080'),
        refused(51_100, '10.0.0.17:80'),
        ...later,
      ],
    ],
    [
      'is told to end, and cuts what it is at, of which the record comes later',
      [
        ...first,
        ...meanwhile,
        cut,
        refused(51_100),
        ...answered('soon', [53_000, 53_010], 'other').slice(0, 1),
      ],
    ],
    [
      'has ended before, as its shutdown tells',
      [
        ...first,
        ...meanwhile,
        cut,
        refused(51_100),
        span('shutdown', 'internal', [50_400, 50_999], { name: 'shutdown', parentSpanId: undefined }),
        ...later,
      ],
    ],
    [
      'lives: something of it ends later',
      [...first, ...meanwhile, cut, refused(51_100), span('job', 'internal', [60_000, 60_010]), ...later],
    ],
    [
      'has lost its collector',
      [
        ...first,
        ...answered('lost', [30_000, 30_010]).slice(0, 1),
        ...meanwhile,
        cut,
        refused(51_100),
        ...later,
      ],
    ],
    ['was never recorded', [...meanwhile.slice(0, 1), cut, refused(51_100), ...later]],
    [
      'is one of two at the address, of which the other lives',
      [...first, ...answered('second', [20, 30], 'stock-2'), ...meanwhile, cut, refused(51_100), ...later],
    ],
  ];
  for (const [what, spans] of isRight) {
    it(`a reset says nothing when it ${what}`, () => {
      assert.deepEqual(vanishedProcesses(spans), []);
      assert.deepEqual(addressesAmongFew(spans), []);
    });
  }
});
