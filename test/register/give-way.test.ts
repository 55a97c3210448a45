/** An SDK that is set up after register takes over, whatever copy of the API it has. */
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { PACKAGE_NAME } from '../../src/version.ts';
import { type Collector, cancellingProgram, entry, root, runApp, startCollector, unusedUrl } from './app.ts';

let collector: Collector;
let folder: string;
before(async () => {
  collector = await startCollector();
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-give-way-')));
});
after(async () => {
  await collector.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Names that have arrived at our collector, of this service. */
function arrived(service: string): string[] {
  return collector.spans.filter(({ serviceName }) => serviceName === service).map(({ name }) => name);
}

/** An SDK that writes what it exports to stdout, and a propagator of its own. */
const theirs = `
  import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
  const exporter = {
    export(spans, done) { for (const span of spans) console.log('theirs', span.name, Boolean(span.parentSpanContext)); done({ code: 0 }); },
    shutdown: async () => {},
  };
  const propagator = { inject: (_context, carrier, setter) => setter.set(carrier, 'x-theirs', 'yes'), extract: (context) => context, fields: () => ['x-theirs'] };
  export function setUp() {
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register({ propagator });
  }`;

/** As an application has it that was bundled: with a copy of the API inside. */
async function bundled(format: 'esm' | 'cjs', change = (text: string): string => text): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: theirs, resolveDir: root },
    bundle: true,
    platform: 'node',
    write: false,
    format,
    // The SDK is CommonJS, and asks for parts of Node by require().
    banner:
      format === 'esm'
        ? { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" }
        : {},
  });
  const file = join(folder, `theirs-${Math.random()}.${format === 'esm' ? 'mjs' : 'cjs'}`);
  writeFileSync(file, change(String(outputFiles[0]?.text)));
  return pathToFileURL(file).href;
}

const using = (setUp: string): string => `
  import http from 'node:http';
  import { once } from 'node:events';
  import { context, trace, propagation } from '@opentelemetry/api';
  ${setUp}
  const early = trace.getTracer('early');
  early.startSpan('before').end();
  const inFlight = early.startSpan('in flight');
  setUp();
  await 0;
  early.startActiveSpan('parent', (parent) => {
    trace.getTracer('late').startSpan('child').end();
    parent.end();
  });
  early.startSpan('alone').end();
  inFlight.end();
  const carrier = {};
  propagation.inject(context.active(), carrier);
  console.log(JSON.stringify(carrier), trace.getTracer('late') === trace.getTracer('late'));`;

const taken = 'theirs child true\ntheirs parent false\ntheirs alone false\n{"x-theirs":"yes"} true\n';

describe('an SDK that is set up after register', () => {
  const copies: [name: string, setUp: () => Promise<string>][] = [
    ['with the API that is installed', async () => theirs.replace('export function', 'function')],
    ['in a bundle that is an ES module', async () => `import { setUp } from '${await bundled('esm')}';`],
    ['in a bundle that is CommonJS', async () => `import { setUp } from '${await bundled('cjs')}';`],
  ];
  for (const [name, setUp] of copies) {
    it(`makes the spans from then on, by tracers of before as well, and ours end: ${name}`, async () => {
      const service = name.replaceAll(' ', '-');
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: service };
      const { stdout, stderr } = await runApp(using(await setUp()), { env });
      assert.equal(stderr, '');
      assert.equal(stdout, taken);
      assert.deepEqual(arrived(service), ['before', 'in flight']);
    });
  }

  it('gets our spans of cancelled operations', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() };
    const text = `${theirs.replace('export function', 'function')} setUp(); ${cancellingProgram}`;
    const { stdout, stderr } = await runApp(text, { env });
    assert.equal(stderr, '');
    assert.equal(stdout.match(/^theirs GET /gm)?.length, 4, stdout);
  });

  it('is told in one line at OTEL_LOG_LEVEL=info', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_LOG_LEVEL: 'info' };
    const text = `${theirs.replace('export function', 'function')} setUp(); setTimeout(() => {}, 10);`;
    const { stdout, stderr } = await runApp(text, { env });
    assert.equal(stderr, '');
    const [handedOver, started, ...more] = stdout.split('\n');
    assert.equal(
      handedOver,
      `${PACKAGE_NAME}: an SDK was set up after register: it makes the spans from now on`,
    );
    assert.match(
      String(started),
      /instruments .*; spans are made and exported by the SDK that the application has set up \(NodeTracerProvider\)$/,
    );
    assert.deepEqual(more, ['']);
  });

  it('has no say in what register was told to keep, which is said', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'true',
    };
    const text = `${theirs.replace('export function', 'function')} setUp();`;
    const { stderr } = await runApp(text, { env });
    assert.match(
      stderr,
      /^[^\n]*: OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED has no effect: [^\n]*\n$/,
    );
  });

  it('is the last: what is set up after it is refused, as the API has it', async () => {
    const text = `${theirs.replace('export function', 'function')}
      import { diag, trace } from '@opentelemetry/api';
      setUp();
      await 0;
      const errors = [];
      diag.setLogger({ error: (text) => errors.push(text.split('\\n')[0]), warn() {}, info() {}, debug() {}, verbose() {} });
      console.log(trace.setGlobalTracerProvider({ getTracer() {} }), errors);`;
    const { stdout, stderr } = await runApp(text, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^false \[\n? *'Error: @opentelemetry\/api: Attempted duplicate registration of API: trace'/,
    );
  });

  it('of another version of the API is refused by the API, which is said, and ours goes on', async () => {
    const url = await bundled('cjs', (text) =>
      text.replaceAll(/VERSION = "1\.9\.\d+"/g, 'VERSION = "1.9.0"'),
    );
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'refused' };
    const { stdout, stderr } = await runApp(using(`import { setUp } from '${url}';`), { env });
    assert.match(
      stderr,
      /^[^\n]*: an SDK of another version of @opentelemetry\/api was refused[^\n]*npm ls @opentelemetry\/api[^\n]*\n$/,
    );
    assert.equal(stdout, '{} true\n');
    assert.deepEqual(arrived('refused').sort(), ['alone', 'before', 'child', 'in flight', 'parent']);
  });
});

describe('an SDK that was set up before register', () => {
  it('with an older API is the reason that there are no spans, which is said', async () => {
    const url = await bundled('cjs', (text) =>
      text.replaceAll(/VERSION = "1\.9\.\d+"/g, 'VERSION = "1.8.0"'),
    );
    const setUp = join(folder, 'first.mjs');
    writeFileSync(setUp, `import { setUp } from '${url}'; setUp();`);
    const { stdout, stderr } = await runApp("console.log('ran');", {
      flags: ['--import', setUp, '--import', entry],
    });
    assert.equal(stdout, 'ran\n');
    assert.match(stderr, /^[^\n]*: no spans: [^\n]*npm ls @opentelemetry\/api[^\n]*\n$/);
  });
});

describe('a provider of metrics that is set after register', () => {
  for (const exporter of ['none', 'otlp']) {
    it(`gets ours from then on, with OTEL_METRICS_EXPORTER=${exporter}`, async () => {
      const text = `
        import { metrics } from '@opentelemetry/api';
        import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
        class Reader extends MetricReader { async onForceFlush() {} async onShutdown() {} }
        const reader = new Reader();
        metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
        await 0;
        ${cancellingProgram}
        const { resourceMetrics } = await reader.collect();
        console.log(resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name)).join());`;
      const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: exporter };
      const { stdout, stderr } = await runApp(text, {
        env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl() },
      });
      assert.equal(stderr, '');
      assert.match(stdout, /cancellation\.operations/);
    });
  }
});

describe('what is nobody’s attempt to set up an SDK', () => {
  it('is not taken for one: loggers, and tracers that are asked for', async () => {
    const text = `
      import { diag, DiagConsoleLogger, trace, context, metrics, propagation } from '@opentelemetry/api';
      for (let i = 0; i < 3; i++) diag.setLogger(new DiagConsoleLogger(), { logLevel: 30, suppressOverrideMessage: true });
      diag.disable();
      trace.getTracer('a'); context.active(); metrics.getMeter('a'); propagation.fields();
      trace.getTracer('a').startSpan('ours').end();
      await 0;`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'nobody' };
    const { stderr, stdout } = await runApp(text, { env });
    assert.deepEqual([stdout, stderr], ['', '']);
    assert.deepEqual(arrived('nobody'), ['ours']);
  });

  it('lets go when the application sets the API aside', async () => {
    const text = `
      import { trace, context } from '@opentelemetry/api';
      trace.disable();
      context.disable();
      console.log(trace.getTracer('a').startSpan('nobody').isRecording());
      const provider = { getTracer: () => ({ startSpan: (name) => console.log('theirs', name) }) };
      console.log(trace.setGlobalTracerProvider(provider));
      trace.getTracer('a').startSpan('work');`;
    const { stdout, stderr } = await runApp(text, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
    assert.equal(stderr, '');
    assert.equal(stdout, 'false\ntrue\ntheirs work\n');
  });
});
