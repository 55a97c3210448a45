/** What register tells of how a process drains, by a signal or unasked. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { type Collector, type Ending, runApp, startCollector } from './app.ts';

/** A server with `count` requests of its own in flight; `answerAll()` ends them. */
const inFlight = (count: number): string => `
  import http from 'node:http';
  import { once } from 'node:events';
  const waiting = [];
  const server = http.createServer((request, response) => {
    response.write('first part');
    waiting.push(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (let count = 0; count < ${count}; count++) {
    const request = http.get({ host: '127.0.0.1', port: server.address().port, agent: false });
    request.on('error', () => {});
    const [response] = await once(request, 'response');
    response.on('error', () => {}).resume();
  }
  const answerAll = () => { for (const response of waiting) response.end(); };
`;

interface Case {
  readonly name: string;
  readonly program: string;
  readonly signal?: NodeJS.Signals;
  readonly ending: Pick<Ending, 'code' | 'signal'>;
  /** Undefined: there is no such span. */
  readonly shutdown: { trigger: string; finished: number; cut: number; links: number } | undefined;
}

const stayAlive = "setInterval(() => {}, 1000); console.log('ready');";
const exits = { code: 0, signal: null };

const cases: readonly Case[] = [
  {
    name: 'a signal whose handler drains',
    program: `${inFlight(2)}
      process.on('SIGTERM', () => {
        setTimeout(answerAll, 50);
        setTimeout(() => server.close(() => process.exit(0)), 20);
      }); ${stayAlive}`,
    signal: 'SIGTERM',
    ending: exits,
    shutdown: { trigger: 'SIGTERM', finished: 2, cut: 0, links: 0 },
  },
  {
    name: 'a signal whose handler drains, and then lets it end the process',
    program: `${inFlight(2)}
      process.once('SIGTERM', () => {
        setTimeout(answerAll, 20);
        server.close(() => setTimeout(() => process.kill(process.pid, 'SIGTERM'), 20));
      }); ${stayAlive}`,
    signal: 'SIGTERM',
    ending: { code: null, signal: 'SIGTERM' },
    shutdown: { trigger: 'SIGTERM', finished: 2, cut: 0, links: 0 },
  },
  {
    name: 'a signal whose handler cuts what is in flight',
    program: `${inFlight(2)}
      process.on('SIGINT', () => {
        server.close(() => process.exit(0));
        waiting.shift().end();
        setTimeout(() => server.closeAllConnections(), 50);
      }); ${stayAlive}`,
    signal: 'SIGINT',
    ending: exits,
    shutdown: { trigger: 'SIGINT', finished: 1, cut: 1, links: 1 },
  },
  {
    name: 'a signal whose handler waits in vain, and exits',
    program: `${inFlight(1)}
      process.on('SIGTERM', () => { server.close(); setTimeout(() => process.exit(0), 50); }); ${stayAlive}`,
    signal: 'SIGTERM',
    ending: exits,
    shutdown: { trigger: 'SIGTERM', finished: 0, cut: 1, links: 1 },
  },
  {
    name: 'a signal that nobody handles',
    program: `${inFlight(1)} ${stayAlive}`,
    signal: 'SIGTERM',
    ending: { code: null, signal: 'SIGTERM' },
    shutdown: { trigger: 'SIGTERM', finished: 0, cut: 1, links: 1 },
  },
  {
    name: 'a signal to a server that is idle',
    program: `${inFlight(0)} ${stayAlive}`,
    signal: 'SIGTERM',
    ending: { code: null, signal: 'SIGTERM' },
    shutdown: { trigger: 'SIGTERM', finished: 0, cut: 0, links: 0 },
  },
  {
    name: 'process.exit() that nobody asked for',
    program: `${inFlight(1)} process.exit(0);`,
    ending: exits,
    shutdown: { trigger: 'exit', finished: 0, cut: 1, links: 1 },
  },
  {
    name: 'process.exit() beside a server that is idle',
    program: `${inFlight(0)} process.exit(0);`,
    ending: exits,
    shutdown: undefined,
  },
  {
    name: 'a signal to a process without a server',
    program: stayAlive,
    signal: 'SIGTERM',
    ending: { code: null, signal: 'SIGTERM' },
    shutdown: undefined,
  },
  {
    name: 'a server of which another one goes on when it is closed, until the process exits',
    program: `${inFlight(1)}
      const health = http.createServer().listen(0, '127.0.0.1');
      await once(health, 'listening');
      server.close(() => setTimeout(() => process.exit(0), 50));
      answerAll();`,
    ending: exits,
    shutdown: { trigger: 'close', finished: 1, cut: 0, links: 0 },
  },
];

describe('how a process drains is one span', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  beforeEach(() => {
    (collector.spans as ExportedSpan[]).length = 0;
  });
  after(() => collector.close());

  function check({ shutdown }: Pick<Case, 'shutdown'>): void {
    const spans = collector.spans.filter(({ name }) => name === 'shutdown');
    const told = spans.map(({ attributes, links }) => ({
      trigger: attributes['shutdown.trigger'],
      finished: Number(attributes['shutdown.finished']),
      cut: Number(attributes['shutdown.cut']),
      links: links.length,
    }));
    assert.deepEqual(told, shutdown === undefined ? [] : [shutdown]);
  }

  for (const { name, program, signal, ending, shutdown } of cases) {
    it(`${name}`, async () => {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
      const ended = await runApp(program, { env, ...(signal && { signal }) });
      assert.equal(ended.stderr, '');
      assert.deepEqual({ code: ended.code, signal: ended.signal }, ending);
      check({ shutdown });
    });
  }

  it('a signal to a worker of a cluster', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'worker-'));
    const exec = join(folder, 'worker.mjs');
    await writeFile(exec, `${inFlight(1)} process.send('ready');`);
    const program = `
      import cluster from 'node:cluster';
      import { once } from 'node:events';
      cluster.setupPrimary({ exec: ${JSON.stringify(exec)}, execArgv: process.execArgv.slice(0, 2) });
      const worker = cluster.fork();
      await once(worker, 'message');
      worker.process.kill('SIGTERM');
      await once(worker, 'exit');`;
    const { code, stderr } = await runApp(program, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
    await rm(folder, { recursive: true });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    check({ shutdown: { trigger: 'SIGTERM', finished: 0, cut: 1, links: 1 } });
  });
});
