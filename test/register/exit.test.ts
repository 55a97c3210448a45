/** Spans arrive however the process ends, and it ends as it does without us. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type Collector,
  entry,
  preamble,
  runApp,
  startCollector,
  startSilentCollector,
  unusedUrl,
} from './app.ts';

interface End {
  readonly name: string;
  readonly program: string;
  readonly signal?: NodeJS.Signals;
  /** What must come out, besides being the same as without us. */
  readonly code: number | null;
  readonly endedBy?: NodeJS.Signals;
}

const stayAlive = "setInterval(() => {}, 1000); console.log('ready');";
/** How signal-exit decides whether to end the process: when no listeners but its own are there. */
const likeSignalExit = `
  function onSignal() {
    if (process.listeners('SIGTERM').length !== 1) return;
    process.removeListener('SIGTERM', onSignal);
    console.log('cleaned up');
    process.kill(process.pid, 'SIGTERM');
  }
  process.on('SIGTERM', onSignal);`;

const ends: readonly End[] = [
  { name: 'by itself', program: 'span();', code: 0 },
  { name: 'by itself with an exit code', program: 'span(); process.exitCode = 4;', code: 4 },
  { name: 'by process.exit(3)', program: "span(); console.log('left'); process.exit(3);", code: 3 },
  {
    name: 'by process.exit() in an exit listener',
    program: "span(); process.on('exit', () => process.exit(5));",
    code: 5,
  },
  {
    name: 'by an uncaught error',
    program: "span(); setTimeout(() => { throw new TypeError('boom'); });",
    code: 1,
  },
  { name: 'by an uncaught error at the top', program: "span(); throw new TypeError('boom');", code: 1 },
  {
    name: 'by an uncaught value that is no error',
    program: "span(); setTimeout(() => { throw 'boom'; });",
    code: 1,
  },
  { name: 'by an unhandled rejection', program: "span(); Promise.reject(new TypeError('boom'));", code: 1 },
  { name: 'by an await that is never settled', program: 'span(); await new Promise(() => {});', code: 13 },
  { name: 'by SIGTERM', program: `span(); ${stayAlive}`, signal: 'SIGTERM', code: null, endedBy: 'SIGTERM' },
  { name: 'by SIGINT', program: `span(); ${stayAlive}`, signal: 'SIGINT', code: null, endedBy: 'SIGINT' },
  {
    name: 'by SIGTERM from itself',
    program: `span(); ${stayAlive} process.kill(process.pid, 'SIGTERM');`,
    code: null,
    endedBy: 'SIGTERM',
  },
  {
    name: 'by SIGTERM with a handler of the application',
    program: `span('early'); process.on('SIGTERM', () => {
      console.log('closing');
      setTimeout(() => { span(); console.log('closed'); process.exit(7); }, 50);
    }); ${stayAlive}`,
    signal: 'SIGTERM',
    code: 7,
  },
  {
    name: 'by SIGTERM with a handler that lets it run out',
    program: `span('early'); const timer = setInterval(() => {}, 1000);
      process.once('SIGTERM', () => { span(); clearInterval(timer); }); console.log('ready');`,
    signal: 'SIGTERM',
    code: 0,
  },
  {
    name: 'by a second SIGTERM while the first is handled',
    program: `span('early'); setInterval(() => {}, 1000);
      process.once('SIGTERM', () => { span(); setImmediate(() => process.kill(process.pid, 'SIGTERM')); });
      console.log('ready');`,
    signal: 'SIGTERM',
    code: null,
    endedBy: 'SIGTERM',
  },
  {
    name: 'by SIGTERM with a handler that was taken off again',
    program: `span(); const handler = () => {};
      process.on('SIGTERM', handler); process.off('SIGTERM', handler); ${stayAlive}`,
    signal: 'SIGTERM',
    code: null,
    endedBy: 'SIGTERM',
  },
  {
    name: 'by SIGTERM under a library that ends the process when it is alone',
    program: `span(); ${likeSignalExit} ${stayAlive}`,
    signal: 'SIGTERM',
    code: null,
    endedBy: 'SIGTERM',
  },
];

const seen = ({ code, signal, stdout, stderr }: Awaited<ReturnType<typeof runApp>>): object => ({
  code,
  signal,
  stdout,
  stderr,
});

describe('a process that ends', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  for (const { name, program, signal, code, endedBy } of ends) {
    it(`${name} has sent its spans, once, and ends as it does without us`, async () => {
      const text = `${preamble} console.log('started'); ${program}`;
      const sending = signal === undefined ? {} : { signal };
      const service = name.replaceAll(/\W+/g, '-');
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: service };
      const [without, withUs] = await Promise.all([
        runApp(text, { flags: [], ...sending }),
        runApp(text, { env, ...sending }),
      ]);
      assert.deepEqual(seen(withUs), seen(without));
      assert.equal(withUs.code, code, withUs.stderr);
      assert.equal(withUs.signal, endedBy ?? null);
      const names = collector.spans.filter((span) => span.serviceName === service).map((span) => span.name);
      assert.deepEqual(names, program.includes("'early'") ? ['early', 'work'] : ['work']);
    });
  }

  it('while a batch is under way sends no span twice', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_SERVICE_NAME: 'under-way',
      OTEL_BSP_SCHEDULE_DELAY: '1',
    };
    const program = `${preamble} for (let i = 0; i < 20; i++) { span('span ' + i); await new Promise((resolve) => setTimeout(resolve, 5)); }`;
    const { code } = await runApp(program, { env });
    assert.equal(code, 0);
    const names = collector.spans.filter((span) => span.serviceName === 'under-way').map((span) => span.name);
    assert.equal(names.length, 20);
    assert.equal(new Set(names).size, 20);
  });

  it('has sent everything of a span: parent, state, links, events, status, attributes', async () => {
    const program = `
      import { createTraceState, SpanStatusCode, trace, context } from '@opentelemetry/api';
      const tracer = trace.getTracer('test', '1.2.3');
      const linked = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, traceState: createTraceState('k=v') };
      const parent = tracer.startSpan('parent', { attributes: { text: 'a', list: [1, 2], flag: true, part: 0.5 } });
      const child = tracer.startSpan('child', { links: [{ context: linked, attributes: { why: 'test' } }] }, trace.setSpan(context.active(), parent));
      child.addEvent('happened', { at: 1 });
      child.recordException(new Error('broken'));
      child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
      child.end();
      parent.end();
      const remote = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1, isRemote: true, traceState: createTraceState('x=y') };
      tracer.startSpan('remote child', {}, trace.setSpanContext(context.active(), remote)).end();`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'everything' };
    const { stderr } = await runApp(program, { env });
    assert.equal(stderr, '');
    const spans = collector.spans.filter((span) => span.serviceName === 'everything');
    const [parent, child, remote] = ['parent', 'child', 'remote child'].map((name) =>
      spans.find((span) => span.name === name),
    );
    assert.deepEqual(parent?.attributes, { text: 'a', list: [1, 2], flag: true, part: 0.5 });
    assert.equal(child?.parentSpanId, parent?.spanId);
    assert.equal(child?.links[0]?.traceId, 'a'.repeat(32));
    assert.deepEqual(
      child?.events.map(({ name }) => name),
      ['happened', 'exception'],
    );
    assert.deepEqual(child?.status, { code: 'error', message: 'broken' });
    assert.equal(remote?.parentSpanId, 'd'.repeat(16));
    const body = JSON.stringify(collector.bodies);
    assert.match(body, /"name":"test","version":"1\.2\.3"/);
    assert.match(body, /"traceState":"k=v"/);
    assert.match(body, /"links":\[\{"attributes":\[\{"key":"why","value":\{"stringValue":"test"\}\}\]/);
    assert.match(body, /"traceState":"x=y"/);
  });

  it('sends the spans of its worker threads', async () => {
    // Node runs what --import names in threads of a file only, and what --require names in all.
    const program = `
      const { Worker } = require('node:worker_threads');
      const code = "require('@opentelemetry/api').trace.getTracer('t').startSpan('in a thread').end();";
      async function run(text) {
        const worker = new Worker(text, { eval: true }).on('error', (error) => console.log(error.message));
        return await new Promise((resolve) => worker.on('exit', resolve));
      }
      (async () => {
        console.log(await run(code), await run(code + 'process.exit();'), await run(code + "throw new Error('boom');"));
      })();`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'threads' };
    const { stdout, stderr } = await runApp(program, { env, flags: ['--require', entry], isModule: false });
    assert.equal(stdout, 'boom\n0 0 1\n');
    assert.equal(stderr, '');
    assert.equal(collector.spans.filter((span) => span.serviceName === 'threads').length, 3);
  });

  it('has flushed when the application asks for it and waits', async () => {
    const program = `${preamble}
      span();
      await trace.getTracerProvider().getDelegate().forceFlush();
      console.log('flushed');
      process.kill(process.pid, 'SIGKILL');`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'flushed' };
    const { stdout, signal } = await runApp(program, { env });
    assert.equal(stdout, 'flushed\n');
    assert.equal(signal, 'SIGKILL');
    assert.equal(collector.spans.filter((span) => span.serviceName === 'flushed').length, 1);
  });
});

describe('a process with a collector that', () => {
  const collectors = {
    'accepts and never answers': startSilentCollector,
    'is not there': async () => ({ url: await unusedUrl(), close: async () => {} }),
  };
  for (const [name, start] of Object.entries(collectors)) {
    const programs = {
      'is done': 'span();',
      'is done while a batch is under way':
        'span(); await new Promise((resolve) => setTimeout(resolve, 300));',
      'calls process.exit()': "span(); console.log('left'); process.exit(3);",
      'is ended by a signal': `span(); setInterval(() => {}, 1000); console.log('ready');`,
      'has nothing to send': '',
    };
    for (const [what, program] of Object.entries(programs)) {
      it(`${name} ends within 3 s when it ${what}`, async () => {
        const collector = await start();
        try {
          const signal = what === 'is ended by a signal' ? ({ signal: 'SIGTERM' } as const) : {};
          const { code, lingeredMs, stderr, stdout } = await runApp(
            `${preamble} ${program} if (!${JSON.stringify(what)}.includes('signal')) console.log('done');`,
            {
              env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '50' },
              ...signal,
            },
          );
          assert.ok(lingeredMs < (what === 'has nothing to send' ? 1_000 : 3_000), `${lingeredMs} ms`);
          // Of a collector that is not there, it is said so, also while the exporter waits for its next attempt.
          const cause = name === 'is not there' ? 'ECONNREFUSED' : 'no answer within 1000 ms\\.';
          if (what === 'has nothing to send') assert.equal(stderr, '');
          else
            assert.match(
              stderr,
              new RegExp(`^[^\\n]*: 1 span was lost, not exported to [^\\n]*${cause}[^\\n]*\\n$`),
            );
          assert.equal(stderr.split('\n').length, what === 'has nothing to send' ? 1 : 2, stderr);
          assert.notEqual(stdout, '');
          if (what === 'calls process.exit()') assert.equal(code, 3);
        } finally {
          await collector.close();
        }
      });
    }
  }
});

describe('nothing of ours is to be seen', () => {
  it('in the listeners of a signal', async () => {
    const program =
      "console.log(process.listeners('SIGTERM').length, process.listeners('SIGINT').length, process.listeners.name, process.listeners.length, Object.keys(process).includes('listeners'));";
    const [without, withUs] = await Promise.all([
      runApp(program, { flags: [] }),
      runApp(program, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() } }),
    ]);
    assert.equal(withUs.stdout, without.stdout);
  });

  it('in beforeExit, which comes once', async () => {
    const program = `${preamble} span(); process.on('beforeExit', (code) => console.log('beforeExit', code));`;
    const { stdout } = await runApp(program, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() } });
    assert.equal(stdout, 'beforeExit 0\n');
  });
});
