/** Ends that are not of the main thread of a single process, and set-ups without register. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { type Collector, entry, root, runApp, startCollector } from './app.ts';

/** A request, whose client is no more than a socket, is in flight when `end` runs. */
const serving = (end: string): string => `
  require('node:http').createServer(() => { ${end} }).listen(0, '127.0.0.1', function () {
    require('node:net').connect(this.address().port, '127.0.0.1').on('error', () => {})
      .write('GET /slow HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n');
  });`;

const inThread = (end: string, parent = ''): string => `
  const { Worker } = require('node:worker_threads');
  const worker = new Worker(${JSON.stringify(serving(end))}, { eval: true });
  worker.on('error', (error) => console.log(error.message)).on('exit', (code) => console.log('exit', code));
  ${parent}`;

describe('what is in flight is cut', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  const workerFile = join(folder, 'worker.cjs');
  writeFileSync(workerFile, serving("process.send('served');"));
  after(() => rmSync(folder, { recursive: true }));

  async function run(program: string, service: string): Promise<ExportedSpan[]> {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: service };
    const [without, withUs] = await Promise.all([
      runApp(program, { flags: [], isModule: false }),
      runApp(program, { flags: ['--require', entry], env, isModule: false }),
    ]);
    for (const key of ['code', 'signal', 'stdout'] as const) assert.equal(withUs[key], without[key]);
    return spansOf(service);
  }

  function spansOf(service: string): ExportedSpan[] {
    return collector.spans.filter((span) => span.serviceName === service && span.kind === 'server');
  }

  const threads = {
    'process.exit()': ['process.exit(4);', 'process.exit(4)'],
    'an uncaught error': ["setImmediate(() => { throw new TypeError('boom'); });", 'TypeError: boom'],
    'an unhandled rejection': ["Promise.reject(new RangeError('out'));", 'RangeError: out'],
  } as const;
  for (const [name, [end, reason]] of Object.entries(threads)) {
    it(`by ${name} in a worker thread, which ends that`, async () => {
      const spans = await run(inThread(end), `thread ${name}`);
      assert.deepEqual(
        spans.map(({ attributes }) => [attributes['cancel.trigger'], attributes['cancel.reason']]),
        [['exit', reason]],
      );
    });
  }

  it('and not recorded where a worker thread is ended from outside', async () => {
    const end = "require('node:worker_threads').parentPort.postMessage('served');";
    const spans = await run(inThread(end, "worker.on('message', () => worker.terminate());"), 'terminated');
    assert.deepEqual(spans, []);
  });

  for (const [name, target, reason] of [
    ['to a worker of a cluster', 'worker.process.pid', 'SIGTERM'],
    ['to the primary of a cluster, which ends its workers', 'process.pid', 'process.exit(0)'],
  ] as const) {
    it(`by SIGTERM ${name}`, async () => {
      const program = `
        const cluster = require('node:cluster');
        const flags = process.execArgv.slice(0, process.execArgv.indexOf('--eval'));
        cluster.setupPrimary({ exec: ${JSON.stringify(workerFile)}, execArgv: flags });
        const worker = cluster.fork();
        worker.on('message', () => process.kill(${target}, 'SIGTERM'));
        worker.on('exit', (code, signal) => console.log(code, signal));`;
      const spans = await run(program, `cluster ${name}`);
      // Those of the primary may have gone before.
      for (let tries = 0; spans.length === 0 && tries < 50; tries++) {
        await delay(100);
        spans.push(...spansOf(`cluster ${name}`));
      }
      assert.deepEqual(
        spans.map(({ attributes }) => attributes['cancel.reason']),
        [reason],
      );
    });
  }

  it('by an error in a domain that nobody handles', async () => {
    const spans = await run(
      `require('node:domain').create().run(() => { ${serving("setImmediate(() => { throw new TypeError('boom'); });")} });`,
      'domain',
    );
    assert.deepEqual(
      spans.map(({ attributes }) => attributes['cancel.reason']),
      ['TypeError: boom'],
    );
  });
});

/** An application that sets up an SDK of its own, which prints spans as they end. */
const withSdk = `
  const { CancellationInstrumentation } = require(${JSON.stringify(root)});
  const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
  const { BatchSpanProcessor, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  const exporter = {
    export(spans, done) {
      for (const { kind, attributes } of spans) {
        if (kind === 1) require('node:fs').writeSync(1, attributes['cancel.trigger'] + ' ' + attributes['cancel.reason'] + '\\n');
      }
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  const make = (Processor) => {
    const provider = new NodeTracerProvider({ spanProcessors: [new Processor(exporter)] });
    provider.register();
    return provider;
  };
  const cancellation = new CancellationInstrumentation();`;

describe('without register, what is in flight is cut', () => {
  const programs = {
    'and exported at the exit, by a processor that does so at once': [
      `make(SimpleSpanProcessor); ${serving('process.exit(0);')}`,
      'exit process.exit(0)',
    ],
    'and exported by a batch processor that is shut down after recordUnfinished()': [
      `const provider = make(BatchSpanProcessor);
       process.once('SIGTERM', async (signal) => {
         cancellation.shutdownBegins(signal);
         cancellation.recordUnfinished(signal);
         await provider.shutdown();
         process.exit();
       });
       ${serving("process.kill(process.pid, 'SIGTERM');")}`,
      'exit SIGTERM',
    ],
    'and nobody is told when it was switched off': [
      `make(SimpleSpanProcessor); ${serving('cancellation.disable(); process.exit(0);')}`,
      'undefined undefined',
    ],
  } as const;
  for (const [name, [program, line]] of Object.entries(programs)) {
    it(name, async () => {
      const { code, stdout, stderr } = await runApp(withSdk + program, { flags: [], isModule: false });
      assert.deepEqual([code, stdout, stderr], [0, `${line}\n`, '']);
    });
  }
});
