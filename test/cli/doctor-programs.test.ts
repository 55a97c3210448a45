/** The command `doctor -- …`: real programs, which say from inside how they are set up. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const OURS = 'opentelemetry-instrumentation-cancellation';
const REGISTER = `${OURS}/register`;
const API = '@opentelemetry/api';
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-programs-')));
const collector = http.createServer((request, response) => {
  request.resume();
  response.end('{}');
});
before(async () => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', OURS));
  for (const scope of ['@opentelemetry', '@grpc']) {
    symlinkSync(join(root, 'node_modules', scope), join(folder, 'node_modules', scope));
  }
  await once(collector.listen(0, '127.0.0.1'), 'listening');
});
after(() => {
  collector.close();
  rmSync(folder, { recursive: true });
});

interface Check {
  readonly topic: string;
  readonly status: 'ok' | 'note' | 'wrong';
  readonly fact: string;
  readonly meaning?: string;
}

interface Diagnosis {
  readonly code: number | null;
  readonly sections: readonly { readonly of: string; readonly checks: readonly Check[] }[];
  readonly stderr: string;
}

function write(name: string, content: string): void {
  writeFileSync(join(folder, name), content);
}

/** Programs that end by themselves say all at their end. Another one is ended after so many seconds. */
async function diagnose(command: readonly string[], seconds = 60): Promise<Diagnosis> {
  const { port } = collector.address() as AddressInfo;
  const env = {
    ...process.env,
    NODE_OPTIONS: undefined,
    NODE_TEST_CONTEXT: undefined,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  };
  const args = [
    join(root, 'dist/cli/main.js'),
    'doctor',
    '--json',
    '--for',
    String(seconds),
    '--',
    ...command,
  ];
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, sections: JSON.parse(stdout).sections, stderr };
}

/** `status: fact` of each check on one topic. */
function on(topic: string, { sections }: Diagnosis): string[] {
  return sections
    .flatMap(({ checks }) => checks)
    .filter((check) => check.topic === topic)
    .map(({ status, fact }) => `${status}: ${fact}`);
}

describe('doctor, running a program', { concurrency: 3 }, () => {
  it('has nothing against one with register, and ends a server in order', async () => {
    write(
      'server.mjs',
      `import http from 'node:http';
      const server = http.createServer(() => {}).listen(0, '127.0.0.1', () => console.log('up'));
      process.on('SIGTERM', () => server.close(() => console.log('down')));`,
    );
    const diagnosis = await diagnose([process.execPath, '--import', REGISTER, 'server.mjs'], 5);
    assert.equal(diagnosis.code, 0, JSON.stringify(diagnosis));
    assert.match(diagnosis.stderr, /^up\ndown\n/);
    assert.deepEqual(
      diagnosis.sections.map(({ of }) => of.replace(/\d+/, 'N')),
      ['process N, server.mjs'],
    );
    assert.match(
      String(on('start', diagnosis)),
      /^ok: register \d\S+ instruments abort, grpc, .* go to http:\/\/127/,
    );
    assert.deepEqual(on('modules', diagnosis), ['ok: server.mjs is an ES module']);
    assert.match(String(on('package', diagnosis)), RegExp(`^ok: ${OURS} \\d\\S+ \\(\\S+\\) loaded$`));
    assert.match(String(on('exporter', diagnosis)), /^ok: http:\S+\/v1\/traces takes OTLP$/);
    assert.deepEqual(on('early', diagnosis), [
      'ok: nothing was loaded before this package that it instruments',
    ]);
  });

  it('says that one has nothing of it', async () => {
    write('plain.cjs', '');
    const diagnosis = await diagnose([process.execPath, 'plain.cjs']);
    assert.equal(diagnosis.code, 1);
    assert.deepEqual(on('start', diagnosis), [`wrong: ${OURS} is not loaded`]);
    assert.deepEqual(on('package', diagnosis), []);
  });

  it('says what was loaded too early', async () => {
    write(
      'late.cjs',
      `const grpc = require('@grpc/grpc-js');
      const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc');
      new GrpcInstrumentation();
      const { CancellationInstrumentation } = require('${OURS}');
      new CancellationInstrumentation();`,
    );
    const diagnosis = await diagnose([process.execPath, 'late.cjs']);
    assert.equal(diagnosis.code, 1);
    const [missed, unseen] = on('early', diagnosis);
    assert.match(
      String(missed),
      /^wrong: @grpc\/grpc-js was loaded before this instrumentation was enabled: calls under way/,
    );
    assert.match(
      String(unseen),
      /^note: @grpc\/grpc-js \S+ was loaded before @opentelemetry\/instrumentation-grpc \S+$/,
    );
    assert.match(String(on('spans', diagnosis)), /^wrong: no tracer provider is set/);
    assert.match(String(on('library', diagnosis)), /^ok: @grpc\/grpc-js \d\S+ \(\S+\) loaded$/);
  });

  it('finds a copy of the API that is refused, in an ES module as well', async () => {
    const copy = join(folder, 'node_modules/newer/node_modules', API);
    cpSync(realpathSync(join(root, 'node_modules', API)), copy, { recursive: true });
    for (const file of ['package.json', 'build/src/version.js']) {
      const content = readFileSync(join(copy, file), 'utf8');
      writeFileSync(join(copy, file), content.replace(/(version"?[:=\s]+["'])1\.\d+\.\d+/i, '$11.99.0'));
    }
    writeFileSync(
      join(folder, 'node_modules/newer/index.js'),
      `import { trace } from '${API}';
      if (trace.getTracer('newer').startSpan('x').isRecording()) throw new Error('it is not refused');`,
    );
    writeFileSync(
      join(folder, 'node_modules/newer/package.json'),
      '{"name":"newer","version":"1.0.0","type":"module"}',
    );
    write('copies.mjs', `import 'newer';`);
    const diagnosis = await diagnose([process.execPath, '--import', REGISTER, 'copies.mjs']);
    const [refused, copies] = on('api', diagnosis);
    assert.match(
      String(refused),
      /^wrong: @opentelemetry\/api 1\.99\.0 \(node_modules\/newer\/\S+\) is refused: 1\.\d+\.\d+ came first$/,
      diagnosis.stderr,
    );
    assert.match(String(copies), /^note: /);
    assert.equal(diagnosis.code, 1);
  });

  it('says that official instrumentations have no loader hooks in an ES module, or that they have', async () => {
    write(
      'hooks.mjs',
      `import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'; new HttpInstrumentation(); await import('node:http');`,
    );
    const without = await diagnose([process.execPath, '--import', REGISTER, 'hooks.mjs']);
    assert.deepEqual(on('modules', without), [
      'note: hooks.mjs is an ES module, and no loader hooks are there for @opentelemetry/instrumentation-http',
    ]);
    assert.equal(without.code, 0, JSON.stringify(without));
    const loader = '--experimental-loader=@opentelemetry/instrumentation/hook.mjs';
    const hooked = await diagnose([process.execPath, loader, '--import', REGISTER, 'hooks.mjs']);
    assert.deepEqual(on('modules', hooked), ['ok: hooks.mjs is an ES module']);
    assert.match(String(on('start', hooked)), /beside @opentelemetry\/instrumentation-http;/);
  });

  it('says that the sampler of an SDK in code loses cancels, or keeps them', async () => {
    const programOf = (sampler: string): string =>
      `const { NodeTracerProvider, TraceIdRatioBasedSampler, ParentBasedSampler, AlwaysOnSampler } = require('@opentelemetry/sdk-trace-node');
      const { CancellationInstrumentation, CancellationSampler } = require('${OURS}');
      new NodeTracerProvider({ sampler: ${sampler} }).register();
      new CancellationInstrumentation();`;
    for (const [name, sampler, told] of [
      ['ratio', 'new TraceIdRatioBasedSampler(0.1)', 'wrong: the sampler is TraceIdRatioBased{0.1}'],
      [
        'kept',
        'new CancellationSampler(new TraceIdRatioBasedSampler(0.1))',
        'ok: the sampler is CancellationSampler{TraceIdRatioBased{0.1}}',
      ],
      [
        'parent',
        'new ParentBasedSampler({ root: new AlwaysOnSampler() })',
        'ok: the sampler is ParentBased{root=AlwaysOnSampler',
      ],
    ] as const) {
      write(`${name}.cjs`, programOf(sampler));
      const diagnosis = await diagnose([process.execPath, `${name}.cjs`]);
      assert.ok(String(on('sampler', diagnosis)).startsWith(told), String(on('sampler', diagnosis)));
      assert.deepEqual(on('spans', diagnosis), ['ok: made by NodeTracerProvider']);
      assert.match(String(on('start', diagnosis)), /^ok: the class \d\S+ instruments abort/);
    }
  });

  it('tells of a provider that is no SDK, and of a vendor that makes no spans', async () => {
    write(
      'vendor.cjs',
      `const { trace } = require('${API}');
      const { CancellationInstrumentation } = require('${OURS}');
      if (process.argv[2] === 'provider') {
        class VendorProvider { getTracer() { return { startSpan: () => trace.wrapSpanContext({}) } } }
        trace.setGlobalTracerProvider(new VendorProvider());
      } else {
        const client = { on: () => () => {}, getOptions: () => ({}) };
        globalThis.__SENTRY__ = { version: '11.0.0', '11.0.0': { defaultCurrentScope: { getClient: () => client } } };
      }
      new CancellationInstrumentation();`,
    );
    const provider = await diagnose([process.execPath, 'vendor.cjs', 'provider']);
    assert.match(
      String(on('spans', provider)),
      /^wrong: no context manager is set, .*,ok: made by VendorProvider$/,
    );
    assert.deepEqual(on('sampler', provider), ['note: the SDK of the application does not tell its sampler']);
    assert.deepEqual(on('exporter', provider), ['note: spans are exported by the SDK of the application']);
    const vendor = await diagnose([process.execPath, 'vendor.cjs']);
    assert.deepEqual(on('spans', vendor), [
      'wrong: Sentry makes no spans. Give Sentry.init() a tracesSampleRate, or set up an SDK of OpenTelemetry.',
    ]);
  });

  it('looks at what a package manager starts, not at itself; and at each process of a program', async () => {
    write('child.cjs', '');
    write(
      'parent.mjs',
      `import { spawnSync } from 'node:child_process'; spawnSync(process.execPath, ['--import', '${REGISTER}', 'child.cjs']);`,
    );
    write(
      'package.json',
      JSON.stringify({ scripts: { start: `"${process.execPath}" --import ${REGISTER} parent.mjs` } }),
    );
    const { sections } = await diagnose(['npm', 'start', '--silent']);
    assert.deepEqual(sections.map(({ of }) => of.replace(/\d+/, 'N')).sort(), [
      'npm start --silent',
      'process N, child.cjs',
      'process N, parent.mjs',
    ]);
  });

  it('says that a program is no Node.js, or has failed', async () => {
    const other = await diagnose(['true']);
    assert.deepEqual(on('program', other), [
      'wrong: no Node.js process of it has reported',
      'note: it has ended by itself',
    ]);
    const failed = await diagnose([process.execPath, '--import', REGISTER, 'no-such-file.js']);
    assert.deepEqual(on('program', failed), ['note: it has ended by itself with 1']);
    assert.match(failed.stderr, /Cannot find module/);
  });
});
