/** The types in the tarball, as TypeScript's lines and module modes read them, beside each line of OpenTelemetry's SDK. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { installedTools } from './support/cache.ts';
import { ownName, ownTarball } from './support/tarball.ts';

const compilers = installedTools('typescript', [
  'ts5.0@npm:typescript@5.0.4',
  'ts5.9@npm:typescript@5.9.3',
  'ts7@npm:typescript@7.0.2',
]);

const lines = {
  '2.x': {
    packages: [
      '@opentelemetry/api@1.9.1',
      '@opentelemetry/instrumentation@0.223.0',
      '@opentelemetry/sdk-node@0.223.0',
      '@opentelemetry/sdk-trace-node@2.12.0',
      '@types/node@20.19.0',
    ],
    sdk: {
      name: 'NodeTracerProvider',
      from: '@opentelemetry/sdk-trace-node',
      exporter: 'new ConsoleSpanExporter()',
    },
  },
  '3.x': {
    packages: [
      '@opentelemetry/api@1.10.0',
      '@opentelemetry/instrumentation@0.301.0',
      '@opentelemetry/sdk-node@0.301.0',
      '@opentelemetry/sdk-trace@3.1.1',
      '@types/node@22.15.0',
    ],
    sdk: {
      name: 'TracerProvider',
      from: '@opentelemetry/sdk-trace',
      exporter: '{ exporter: new ConsoleSpanExporter() }',
    },
  },
} as const;
type Line = keyof typeof lines;

const application = (line: Line): string => {
  const { name, from, exporter } = lines[line].sdk;
  return `import { createServer } from 'node:http';
import { registerInstrumentations, type Instrumentation } from '@opentelemetry/instrumentation';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { ${name}, BatchSpanProcessor, ConsoleSpanExporter, TraceIdRatioBasedSampler } from '${from}';
import {
  type CancellationInstrumentationConfig, CancellationInstrumentation, CancellationSampler,
  CancellationSpanProcessor, currentDeadline, currentSignal, defaultIntegrations, httpDeadline, type Integration,
  remainingMs, withDeadline,
} from '${ownName}';

const mine: Integration = { name: 'mine', install: (_host, installation) => () => void installation.isActive };
const config: CancellationInstrumentationConfig = { integrations: [...defaultIntegrations, mine] };
const instrumentation: Instrumentation = new CancellationInstrumentation(config);
const tracerProvider = new ${name}({
  sampler: new CancellationSampler(new TraceIdRatioBasedSampler(0.01)),
  spanProcessors: [new CancellationSpanProcessor(new BatchSpanProcessor(${exporter}))],
});
registerInstrumentations({ tracerProvider, instrumentations: [instrumentation, new CancellationInstrumentation()] });
export const sdk: NodeSDK = new NodeSDK({ instrumentations: [new CancellationInstrumentation()] });
createServer(httpDeadline((_request, response) => void response.end(), { maxMs: 1_000 }));
const left: number | undefined = withDeadline(100, () => remainingMs() ?? currentDeadline());
const signal: AbortSignal | undefined = currentSignal();
console.log(typeof left, signal, instrumentation.instrumentationName);
export type Register = typeof import('${ownName}/register');
// Types that could not be read are \`any\`, and take these:
// @ts-expect-error an option that there is not
new CancellationInstrumentation({ no: true });
// @ts-expect-error a limit that is no number
withDeadline('100', () => 1);
`;
};

interface Mode {
  readonly type: 'module' | 'commonjs';
  readonly options: Readonly<Record<string, string>>;
}
const byFileType = (module: string): Mode[] => [
  { type: 'commonjs', options: { module } },
  { type: 'module', options: { module } },
];
const bundler: Mode[] = [{ type: 'module', options: { module: 'esnext', moduleResolution: 'bundler' } }];
const node10: Mode[] = [{ type: 'commonjs', options: { module: 'commonjs', moduleResolution: 'node10' } }];
const bundledCommonJs: Mode[] = [
  { type: 'commonjs', options: { module: 'commonjs', moduleResolution: 'bundler' } },
];

const oldModes = [...byFileType('node16'), ...byFileType('nodenext'), ...bundler, ...node10];
const newModes = [...byFileType('node18'), ...byFileType('node20')];
const modes: Readonly<Record<Line, Readonly<Record<string, readonly Mode[]>>>> = {
  '2.x': {
    'ts5.0': oldModes,
    'ts5.9': [...oldModes, ...newModes],
    // It has no node10 any more.
    ts7: [...byFileType('node16'), ...byFileType('nodenext'), ...newModes, ...bundler, ...bundledCommonJs],
  },
  // Its types are another matter, ours are the same.
  '3.x': { 'ts5.9': byFileType('nodenext'), ts7: byFileType('nodenext') },
};

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-types-')));
before(() => {
  for (const line of Object.keys(lines) as Line[]) {
    const installed = installedTools('types', lines[line].packages);
    const own = join(folder, line, 'node_modules', ownName);
    mkdirSync(own, { recursive: true });
    execFileSync('tar', ['-xzf', ownTarball(), '-C', own, '--strip-components=1']);
    for (const name of packagesIn(installed))
      link(join(installed, name), join(folder, line, 'node_modules', name));
    writeFileSync(join(folder, line, 'app.ts'), application(line));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

function packagesIn(modules: string): string[] {
  return readdirSync(modules).flatMap((name) => {
    if (name.startsWith('.')) return [];
    return name.startsWith('@')
      ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`)
      : [name];
  });
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path, 'junction');
}

/** @returns the lines of what it complains of in the application and in our types; those of others are theirs */
function compile(compiler: string, line: Line, { type, options }: Mode, skipLibCheck: boolean): string[] {
  writeFileSync(join(folder, line, 'package.json'), JSON.stringify({ type }));
  const compilerOptions = {
    ...options,
    skipLibCheck,
    strict: true,
    target: 'es2022',
    lib: ['es2022'],
    types: ['node'],
    outDir: 'out',
    ...(options.module === 'commonjs' && { esModuleInterop: true }),
  };
  const project = join(folder, line, 'tsconfig.json');
  writeFileSync(project, JSON.stringify({ compilerOptions, files: ['app.ts'] }));
  const emitted = join(folder, line, 'out/app.js');
  rmSync(emitted, { force: true });
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(compilers, compiler, 'bin/tsc'), '-p', project],
    { cwd: join(folder, line), encoding: 'utf8' },
  );
  assert.ok(existsSync(emitted), `${compiler} wrote nothing: ${stdout}${stderr}`);
  return `${stdout}${stderr}`
    .split('\n')
    .filter((text) => /error TS/.test(text))
    .filter((text) => !text.includes('node_modules/') || text.includes(`node_modules/${ownName}/`));
}

for (const line of Object.keys(lines) as Line[]) {
  describe(`beside OpenTelemetry ${line}`, () => {
    for (const [compiler, ofCompiler] of Object.entries(modes[line])) {
      for (const [index, mode] of ofCompiler.entries()) {
        const { type, options } = mode;
        it(`${compiler} compiles an application of type ${type} with ${Object.values(options).join(', ')}`, () => {
          // The declarations themselves once for each compiler: it takes long.
          assert.deepEqual(compile(compiler, line, mode, index !== 0), []);
        });
      }
    }
  });
}
