/**
 * However much is in flight when the process ends: it ends in time, and each operation is either exported or counted. How many are
 * exported depends on the machine, so that is for the bench to say.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Collector, type Ending, entry, runApp, startCollector, startSilentCollector } from './app.ts';

/** How long the process may be held up, and how long a busy machine may take to end it, in ms. */
const LIMIT_MS = 2_000;
const SLACK_MS = 5_000;
/** CPU time of the end, all threads: of the thread that exports to start, and of each operation. Some times what it takes. */
const START_CPU_MS = 500;
const CPU_MS = 0.2;
/** Of either side. */
const MAX_OPERATIONS = 10_000;

/** Each connection has many requests, whose answers would have to wait for each other. @param outgoing whether each asks another server */
const program = (requests: number, outgoing: boolean): string => `
  const { writeSync } = require('node:fs');
  const http = require('node:http');
  const net = require('node:net');
  const agent = new http.Agent({ maxSockets: 10 });
  const upstream = net.createServer((socket) => socket.on('error', () => {}).resume());
  let arrived = 0;
  let before;
  process.on('exit', () => {
    const { user, system } = process.cpuUsage(before);
    writeSync(1, 'cpu ' + Math.round((user + system) / 1000) + ' ms');
  });
  function end() {
    before = process.cpuUsage();
    console.log('end');
    process.exit(0);
  }
  const server = http.createServer(() => {
    if (${outgoing}) http.get({ host: '127.0.0.1', port: upstream.address().port, agent }).on('error', () => {});
    if (++arrived === ${requests}) setTimeout(end, 10);
  });
  upstream.listen(0, '127.0.0.1', () => server.listen(0, '127.0.0.1', () => {
    for (let connection = 0; connection < 10; connection++) {
      net.connect(server.address().port, '127.0.0.1').on('error', () => {})
        .write('GET /slow HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n'.repeat(${requests / 10}));
    }
  }));`;

interface Count {
  /** Spans, that of the shutdown included. */
  readonly recorded: number;
  readonly lost: number;
}

/** Checks what is the same whatever becomes of the spans. */
function countOf({ code, stdout, stderr, lingeredMs }: Ending, operations: number): Count {
  assert.equal(code, 0);
  assert.ok(lingeredMs < LIMIT_MS + SLACK_MS, `${lingeredMs} ms`);
  const { unrecorded, lost } = saidIn(stderr);
  const recorded = operations - unrecorded + 1;
  const cpuMs = Number(/cpu (\d+) ms$/.exec(stdout)?.[1]);
  assert.ok(cpuMs < START_CPU_MS + recorded * CPU_MS, `${cpuMs} ms of CPU time for ${recorded} spans`);
  return { recorded, lost };
}

/** One line each at most, and no other but that exports have begun to fail. */
function saidIn(stderr: string): { unrecorded: number; lost: number } {
  const said = { unrecorded: 0, lost: 0 };
  for (const line of stderr.split('\n').slice(0, -1)) {
    if (/: spans are not exported to /.test(line)) continue;
    const [, spans] = /: (\d+) spans were lost(?:, not exported| at the end)/.exec(line) ?? [];
    const [, operations] =
      /: (\d+) operations were in flight when the process ended, and not recorded/.exec(line) ?? [];
    assert.ok(spans !== undefined || operations !== undefined, line);
    const kind = spans === undefined ? 'unrecorded' : 'lost';
    assert.equal(said[kind], 0, stderr);
    said[kind] = Number(spans ?? operations);
  }
  return said;
}

async function run(url: string, requests: number, outgoing = false): Promise<Ending> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SERVICE_NAME: serviceOf(requests, outgoing) };
  return await runApp(program(requests, outgoing), { flags: ['--require', entry], env, isModule: false });
}

const serviceOf = (requests: number, outgoing: boolean): string => `${requests} ${outgoing}`;

describe('a process that ends', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  const cases: [name: string, requests: number, outgoing: boolean][] = [
    ['2 000 requests', 2_000, false],
    ['10 000 requests', MAX_OPERATIONS, false],
    ['10 000 requests, each with an outgoing one,', MAX_OPERATIONS, true],
    ['more requests than are followed', MAX_OPERATIONS + 1_000, false],
  ];
  for (const [name, requests, outgoing] of cases) {
    it(`with ${name} in flight exports them, or counts those that it does not`, async () => {
      const ending = await run(collector.url, requests, outgoing);
      const operations = outgoing ? 2 * requests : requests;
      const { recorded, lost } = countOf(ending, operations);
      assert.ok(recorded > 1, ending.stderr);
      assert.ok(recorded - 1 <= operations - Math.max(0, requests - MAX_OPERATIONS), ending.stderr);
      const received = collector.spans.filter(
        ({ serviceName }) => serviceName === serviceOf(requests, outgoing),
      );
      assert.equal(new Set(received.map(({ spanId }) => spanId)).size, received.length, 'none twice');
      // Of what was said to be lost some may have arrived, of which the process has not heard in time.
      if (lost === 0) assert.equal(received.length, recorded, ending.stderr);
      else {
        assert.ok(received.length <= recorded, `${received.length}: ${ending.stderr}`);
        assert.ok(received.length + lost >= recorded, `${received.length}: ${ending.stderr}`);
      }
      const shutdown = received.find(({ kind }) => kind === 'internal');
      const servers = new Set(received.filter(({ kind }) => kind === 'server').map(({ spanId }) => spanId));
      for (const { kind, parentSpanId, attributes, events } of received) {
        if (kind === 'internal') continue;
        assert.equal(attributes['cancel.trigger'], 'exit');
        assert.equal(attributes['cancel.reason'], 'process.exit(0)');
        assert.equal(attributes['cancel.initiator'], kind === 'server' ? 'local' : 'inherited');
        assert.match(String(attributes['cancel.origin']), /^Timeout\.end|^end/);
        assert.equal(events[0]?.name, 'context.canceled');
        if (kind !== 'client') continue;
        assert.equal(attributes['cancel.cause.span_id'], parentSpanId);
        assert.ok(lost > 0 || servers.has(String(parentSpanId)));
      }
      assert.ok(shutdown !== undefined || lost > 0, 'the shutdown');
    });
  }

  it('counts each span as lost where no export is answered', async () => {
    const silent = await startSilentCollector();
    const ending = await run(silent.url, 3_000).finally(() => silent.close());
    const { recorded, lost } = countOf(ending, 3_000);
    assert.equal(lost, recorded, ending.stderr);
  });

  it('counts each span as lost where all exports are refused', async () => {
    const refusing = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(400).end());
    }).listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as AddressInfo;
    const ending = await run(`http://127.0.0.1:${port}`, 3_000).finally(() => {
      refusing.close();
      refusing.closeAllConnections();
    });
    const { recorded, lost } = countOf(ending, 3_000);
    assert.equal(lost, recorded, ending.stderr);
  });
});
