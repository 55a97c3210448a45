/** The zero-code entry by --import and by --require, and what it makes of its variables. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hostDetector } from '@opentelemetry/resources';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { PACKAGE_NAME } from '../../src/version.ts';
import {
  type Collector,
  cancellingProgram,
  entry,
  type OtlpRequest,
  preamble,
  root,
  runApp,
  startCollector,
  unusedUrl,
} from './app.ts';

let collector: Collector;
let received = 0;
before(async () => {
  collector = await startCollector();
});
after(() => collector.close());

/** What has arrived since the last call. */
function arrived(): { spans: readonly ExportedSpan[]; resource: Record<string, unknown> } {
  const spans = collector.spans.slice(received);
  received = collector.spans.length;
  return { spans, resource: spans.length === 0 ? {} : resourceOf(collector.bodies.at(-1)) };
}

function resourceOf(body: OtlpRequest | undefined): Record<string, unknown> {
  const attributes = body?.resourceSpans[0]?.resource.attributes ?? [];
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** Everything that is installed with us. */
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

const program = `${preamble} span(); console.log('ran');`;

describe('the entry', () => {
  for (const flag of ['--import', '--require']) {
    for (const isModule of [true, false]) {
      it(`works by ${flag} for ${isModule ? 'an ES module' : 'CommonJS'}, and says nothing`, async () => {
        const text = isModule
          ? program
          : "require('@opentelemetry/api').trace.getTracer('test').startSpan('work').end(); console.log('ran');";
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
        const ending = await runApp(text, { flags: [flag, entry], env, isModule });
        assert.equal(ending.stderr, '');
        assert.equal(ending.stdout, 'ran\n');
        assert.deepEqual(
          arrived().spans.map(({ name }) => name),
          ['work'],
        );
      });
    }
  }

  it('knows the machine at once, and has nothing under way that a short program would wait for', {
    skip: !existsSync('/etc/machine-id') && 'there is no /etc/machine-id',
  }, async () => {
    const text = `require('@opentelemetry/api').trace.getTracer('test').startSpan('work').end();
      console.log(process.getActiveResourcesInfo().filter((name) => /FS/.test(name)).join());
      process.exit();`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const { stdout } = await runApp(text, { env, isModule: false });
    assert.equal(stdout, '\n');
    const { resource } = arrived();
    assert.equal(resource['host.id'], readFileSync('/etc/machine-id', 'utf8').trim());
    assert.equal(resource['host.name'], hostname());
    const { attributes = {} } = hostDetector.detect();
    assert.equal(resource['host.arch'], attributes['host.arch']);
  });

  it('works twice on one command line', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const { stderr } = await runApp(program, { flags: ['--require', entry, '--import', entry], env });
    assert.equal(stderr, '');
    assert.equal(arrived().spans.length, 1);
  });

  it('puts the instrumentation to work', async () => {
    const text =
      'console.log(AbortController.prototype.abort.toString().includes("[native code]"), AbortController.prototype.abort === process.abort, /isActive/.test(AbortController.prototype.abort));';
    const { stdout } = await runApp(text, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
    assert.match(stdout, /true\n$/);
  });

  it('keeps a provider that was set up before, and its exporter', async () => {
    const setup = `
      import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
      const exporter = { export(spans, done) { for (const { name } of spans) console.log('theirs', name); done({ code: 0 }); }, shutdown: async () => {} };
      new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();`;
    const folder = temporaryFolder();
    try {
      writeFileSync(join(folder, 'setup.mjs'), setup);
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
      const flags = ['--import', join(folder, 'setup.mjs'), '--import', entry];
      const text = `${program} console.log(/isActive/.test(AbortController.prototype.abort), process.listenerCount('SIGTERM'));`;
      const ending = await runApp(text, { flags, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
      assert.equal(ending.stdout, 'theirs work\nran\ntrue 0\n');
      assert.equal(ending.stderr, '');
      assert.deepEqual(arrived().spans, []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('keeps a provider of metrics that was set before', async () => {
    const setup = `
      import { createNoopMeter, metrics } from '@opentelemetry/api';
      const createCounter = (name) => ({ add: (value) => console.log('theirs', name, value) });
      const meter = Object.assign(Object.create(createNoopMeter()), { createCounter });
      metrics.setGlobalMeterProvider({ getMeter: () => meter });`;
    const folder = temporaryFolder();
    try {
      writeFileSync(join(folder, 'setup.mjs'), setup);
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
      const flags = ['--import', join(folder, 'setup.mjs'), '--import', entry];
      const text = `import { metrics } from '@opentelemetry/api'; metrics.getMeter('app').createCounter('count').add(1);`;
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: await unusedUrl(), OTEL_METRICS_EXPORTER: 'console' };
      const ending = await runApp(text, { flags, env });
      assert.equal(ending.stdout, 'theirs count 1\n');
      assert.equal(ending.stderr, '');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('variables', () => {
  const cases: [
    name: string,
    env: () => Record<string, string>,
    check: (seen: ReturnType<typeof arrived>) => void,
  ][] = [
    [
      'OTEL_SERVICE_NAME',
      () => ({ OTEL_SERVICE_NAME: 'shop' }),
      ({ spans }) => assert.equal(spans[0]?.serviceName, 'shop'),
    ],
    [
      'OTEL_RESOURCE_ATTRIBUTES',
      () => ({ OTEL_RESOURCE_ATTRIBUTES: 'service.name=cart,deployment.environment.name=test' }),
      ({ spans, resource }) => {
        assert.equal(spans[0]?.serviceName, 'cart');
        assert.equal(resource['deployment.environment.name'], 'test');
      },
    ],
    [
      'OTEL_SERVICE_NAME before OTEL_RESOURCE_ATTRIBUTES',
      () => ({ OTEL_SERVICE_NAME: 'shop', OTEL_RESOURCE_ATTRIBUTES: 'service.name=cart' }),
      ({ spans }) => assert.equal(spans[0]?.serviceName, 'shop'),
    ],
    [
      'no resource detectors named, so all of them',
      () => ({}),
      ({ resource }) => {
        for (const key of [
          'host.name',
          'os.type',
          'process.pid',
          'service.instance.id',
          'telemetry.sdk.name',
        ])
          assert.ok(key in resource, key);
        assert.match(String(resource['service.name']), /^unknown_service/);
      },
    ],
    [
      'OTEL_NODE_RESOURCE_DETECTORS=env',
      () => ({ OTEL_NODE_RESOURCE_DETECTORS: 'env', OTEL_SERVICE_NAME: 'shop' }),
      ({ resource }) => {
        assert.equal(resource['service.name'], 'shop');
        for (const key of ['host.name', 'os.type', 'process.pid']) assert.equal(key in resource, false, key);
      },
    ],
    [
      'OTEL_NODE_RESOURCE_DETECTORS=none',
      () => ({ OTEL_NODE_RESOURCE_DETECTORS: 'none' }),
      ({ resource }) => assert.equal('host.name' in resource, false),
    ],
    [
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which is the whole URL and goes first',
      () => ({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      }),
      ({ spans }) => assert.equal(spans.length, 1),
    ],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT with a slash at the end',
      () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` }),
      ({ spans }) => assert.equal(spans.length, 1),
    ],
    [
      'OTEL_SDK_DISABLED=true',
      () => ({ OTEL_SDK_DISABLED: 'true' }),
      ({ spans }) => assert.equal(spans.length, 0),
    ],
    [
      'OTEL_TRACES_EXPORTER=none',
      () => ({ OTEL_TRACES_EXPORTER: 'none' }),
      ({ spans }) => assert.equal(spans.length, 0),
    ],
    [
      'OTEL_TRACES_SAMPLER=always_off',
      () => ({ OTEL_TRACES_SAMPLER: 'always_off' }),
      ({ spans }) => assert.equal(spans.length, 0),
    ],
    [
      'OTEL_TRACES_SAMPLER=traceidratio with OTEL_TRACES_SAMPLER_ARG=0',
      () => ({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }),
      ({ spans }) => assert.equal(spans.length, 0),
    ],
    [
      'OTEL_TRACES_SAMPLER=traceidratio with OTEL_TRACES_SAMPLER_ARG=1',
      () => ({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' }),
      ({ spans }) => assert.equal(spans.length, 1),
    ],
    [
      'OTEL_BSP_SCHEDULE_DELAY',
      () => ({ OTEL_BSP_SCHEDULE_DELAY: '1' }),
      ({ spans }) => assert.equal(spans.length, 1),
    ],
  ];
  for (const [name, env, check] of cases) {
    it(`are obeyed: ${name}`, async () => {
      const ending = await runApp(program, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env() } });
      assert.equal(ending.stdout, 'ran\n');
      assert.equal(ending.stderr, '');
      assert.equal(ending.code, 0);
      check(arrived());
    });
  }

  it('are obeyed: OTEL_SDK_DISABLED=true leaves everything as it is', async () => {
    const text = `console.log(/isActive/.test(AbortController.prototype.abort), process.listenerCount('SIGTERM'));`;
    const { stdout } = await runApp(text, { env: { OTEL_SDK_DISABLED: 'true' } });
    assert.equal(stdout, 'false 0\n');
  });

  it('are obeyed: OTEL_TRACES_EXPORTER=console', async () => {
    const { stdout } = await runApp(program, { env: { OTEL_TRACES_EXPORTER: 'console' } });
    assert.match(stdout, /name: 'work'/);
  });

  it('are obeyed: OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', async () => {
    const text = `${preamble} console.log(/isActive/.test(AbortController.prototype.abort));`;
    const env = {
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: '{"integrations":[]}',
    };
    const { stdout, stderr } = await runApp(text, { env });
    assert.equal(stdout, 'false\n');
    assert.equal(stderr, '');
  });

  /** Writes the headers that a request between two services carries. */
  const asking = `
    import http from 'node:http';
    import { once } from 'node:events';
    import { context, propagation } from '@opentelemetry/api';
    const server = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const bagged = propagation.setBaggage(context.active(), propagation.createBaggage({ user: { value: 'ann' } }));
    const request = context.with(bagged, () => http.get({ host: '127.0.0.1', port: server.address().port, agent: false }));
    const [response] = await once(request, 'response');
    for await (const chunk of response) {
      const { traceparent, baggage } = JSON.parse(chunk);
      console.log(typeof traceparent, baggage);
    }
    server.close();`;
  const propagators: [value: string, stdout: string][] = [
    ['', 'string user=ann\n'],
    ['tracecontext,baggage', 'string user=ann\n'],
    ['tracecontext', 'string undefined\n'],
    ['baggage', 'undefined user=ann\n'],
    ['none', 'undefined undefined\n'],
  ];
  for (const [value, stdout] of propagators) {
    it(`are obeyed: OTEL_PROPAGATORS=${value}`, async () => {
      const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_PROPAGATORS: value };
      const ending = await runApp(asking, { env });
      assert.equal(ending.stderr, '');
      assert.equal(ending.stdout, stdout);
    });
  }

  it('are obeyed: OTEL_PROPAGATORS=b3 is said, and the default holds', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_PROPAGATORS: 'b3' };
    const { stdout, stderr } = await runApp(asking, { env });
    assert.equal(stdout, 'string user=ann\n');
    assert.match(
      stderr,
      /^[^\n]*: OTEL_PROPAGATORS must be none, or some of tracecontext, baggage, .*"b3".*\n$/,
    );
  });

  /** One request that is answered, and one that is cancelled by the client. */
  const cancelling = `${cancellingProgram}console.log('ran');`;
  const keeping: [env: Record<string, string>, names: readonly (string | undefined)[]][] = [
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, []],
    [
      {
        OTEL_TRACES_SAMPLER: 'always_off',
        OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'true',
      },
      ['/wait', '/wait'],
    ],
    [
      {
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0',
        OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'true',
      },
      ['/wait', '/wait'],
    ],
    [{ OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED: 'true' }, ['/', '/', '/wait', '/wait']],
  ];
  for (const [env, paths] of keeping) {
    it(`are obeyed: ${JSON.stringify(env)}`, async () => {
      const ending = await runApp(cancelling, {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env },
      });
      assert.equal(ending.stderr, '');
      assert.equal(ending.stdout, 'ran\n');
      const urls = arrived().spans.map(({ attributes }) =>
        String(attributes['url.path'] ?? new URL(String(attributes['url.full'])).pathname),
      );
      assert.deepEqual(urls.sort(), paths);
    });
  }

  const bad: [variable: string, value: string, accepted: RegExp][] = [
    ['OTEL_SDK_DISABLED', 'yes', /true or false/],
    ['OTEL_LOG_LEVEL', 'loud', /NONE, ERROR/],
    ['OTEL_TRACES_EXPORTER', 'jaeger', /otlp, console or none/],
    ['OTEL_NODE_RESOURCE_DETECTORS', 'aws', /all, none, or some of/],
    ['OTEL_TRACES_SAMPLER', 'sometimes', /always_on/],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector', /a URL such as/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /http\/json or http\/protobuf/],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', /http\/json or http\/protobuf/],
    ['OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', '{', /a JSON object/],
    ['OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', '[]', /options.* an object/],
    ['OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', 'null', /options.* an object/],
    ['OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', '{"maxFrames":1}', /Known options: .*maxStackFrames/],
    ['OTEL_INSTRUMENTATION_CANCELLATION_CONFIG', '{"maxStackFrames":0}', /maxStackFrames.* from 1 to 200/],
  ];
  for (const [variable, value, accepted] of bad) {
    it(`with a bad value are said in one line, and the application runs: ${variable}=${value}`, async () => {
      const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`, [variable]: value };
      const ending = await runApp(program, { env });
      assert.equal(ending.stdout, 'ran\n');
      assert.equal(ending.code, 0);
      const lines = ending.stderr.split('\n');
      assert.equal(lines.length, 2, ending.stderr);
      assert.ok(lines[0]?.startsWith(`${PACKAGE_NAME}: ${variable}`), ending.stderr);
      assert.match(String(lines[0]), accepted);
      arrived();
    });
  }
});

describe('the API, the one package that is needed beside this one', () => {
  const cases: [version: string | undefined, said: RegExp][] = [
    [
      undefined,
      /: not started: the package @opentelemetry\/api is missing\. Install it with: npm install @opentelemetry\/api\n$/,
    ],
    [
      '1.8.0',
      /: not started: @opentelemetry\/api is 1\.8\.0, and must be 1\.9 or newer\. Install it with: npm install @opentelemetry\/api@\^1\.9\.0\n$/,
    ],
  ];
  for (const [version, said] of cases) {
    for (const flag of ['--import', '--require']) {
      it(`is said in one line when it is ${version ?? 'missing'}, and the application runs, by ${flag}`, async () => {
        const folder = folderWithUs([]);
        try {
          if (version !== undefined) {
            const api = join(folder, 'node_modules/@opentelemetry/api');
            mkdirSync(api, { recursive: true });
            writeFileSync(join(api, 'package.json'), JSON.stringify({ name: '@opentelemetry/api', version }));
            writeFileSync(join(api, 'index.js'), '');
          }
          const ending = await runApp("console.log('ran');", {
            flags: [flag, `${PACKAGE_NAME}/register`],
            cwd: folder,
          });
          assert.equal(ending.stdout, 'ran\n');
          assert.equal(ending.code, 0);
          assert.match(ending.stderr, /^[^\n]*\n$/);
          assert.match(ending.stderr, said);
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      });
    }
  }

  for (const flag of ['--import', '--require']) {
    it(`is all that is needed, for metrics as well, by ${flag}`, async () => {
      const folder = folderWithUs(dependencies);
      try {
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_METRICS_EXPORTER: 'console' };
        const text = `${program} trace.getTracer('test'); import('@opentelemetry/api').then(({ metrics }) => metrics.getMeter('m').createCounter('things').add(1));`;
        const ending = await runApp(text, { flags: [flag, `${PACKAGE_NAME}/register`], cwd: folder, env });
        assert.equal(ending.stderr, '');
        assert.match(ending.stdout, /^ran\n/);
        assert.match(ending.stdout, /name: 'things'/);
        assert.equal(arrived().spans.length, 1);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

/** A folder in which our package is installed, and of the packages that are installed here those that are named. */
function folderWithUs(names: readonly string[]): string {
  const folder = temporaryFolder();
  const modules = join(folder, 'node_modules');
  for (const file of ['dist', 'package.json']) {
    cpSync(join(root, file), join(modules, PACKAGE_NAME, file), { recursive: true });
  }
  for (const name of names) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  return folder;
}

function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-register-')));
}
