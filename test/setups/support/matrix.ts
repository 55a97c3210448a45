/**
 * The set-ups of one Node: a fresh folder for each package manager and each SDK that an application may have
 * already, and in it every way to set this package up. Each result goes into the table (results.ts).
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { type ManagerName, type NodeName, versionOf } from './cache.ts';
import { installLine, installLineBesideApi, runLine } from './readme.ts';
import { recordResult, type SdkName, type WayName } from './results.ts';
import { SetupFolder } from './setup-folder.ts';
import { assertShop, hasAll, type ModuleType, shop, visitShop } from './shop.ts';
import { type TelemetryName, telemetryFile } from './telemetry-files.ts';
import { leave } from './visitors.ts';

/** What the application has installed before it hears of us. */
const sdkPackages: Readonly<Record<SdkName, readonly string[]>> = {
  none: [],
  '2.x': [
    '@opentelemetry/api@~1.9.0',
    '@opentelemetry/exporter-trace-otlp-http@^0.223.0',
    '@opentelemetry/instrumentation@^0.223.0',
    '@opentelemetry/sdk-node@^0.223.0',
    '@opentelemetry/sdk-trace-node@^2.12.0',
  ],
  '3.x': [
    '@opentelemetry/api@^1.10.0',
    '@opentelemetry/context-async-hooks@^3.1.0',
    '@opentelemetry/core@^3.1.0',
    '@opentelemetry/exporter-trace-otlp-http@^0.301.0',
    '@opentelemetry/instrumentation@^0.301.0',
    '@opentelemetry/sdk-node@^0.301.0',
    '@opentelemetry/sdk-trace@^3.1.0',
  ],
};

/** The lowest Node that SDK 3.x takes. */
const lowestForSdk3 = '22.15';
const tooOldForSdk3: readonly NodeName[] = ['20.19.0', '20', '22.12.0'];

interface Way {
  readonly name: WayName;
  readonly type: ModuleType;
  readonly line: string;
  readonly telemetry?: TelemetryName;
}

const runs: Record<ModuleType, string> = { module: runLine, commonjs: runLine.replace('app.js', 'app.cjs') };
const required = (line: string): string => line.replace('--import', '--require');
const byOptions = (line: string): string =>
  line.replace(/node (--\S+ \S+) /, (_, options) => `NODE_OPTIONS='${options}' node `);

const registerWays: readonly Way[] = [
  { name: '--import', type: 'module', line: runs.module },
  { name: '--import', type: 'commonjs', line: runs.commonjs },
  { name: '--require', type: 'module', line: required(runs.module) },
  { name: '--require', type: 'commonjs', line: required(runs.commonjs) },
  { name: 'NODE_OPTIONS', type: 'module', line: byOptions(runs.module) },
  { name: 'NODE_OPTIONS', type: 'commonjs', line: byOptions(required(runs.commonjs)) },
];

function classWays(provider: TelemetryName): readonly Way[] {
  return [provider, 'NodeSDK' as const].flatMap((telemetry): Way[] => [
    { name: wayOf(telemetry), type: 'module', line: 'node --import ./telemetry.js app.js', telemetry },
    { name: wayOf(telemetry), type: 'commonjs', line: 'node --require ./telemetry.cjs app.cjs', telemetry },
  ]);
}

function wayOf(telemetry: TelemetryName): WayName {
  return telemetry === 'NodeSDK' ? 'NodeSDK' : 'class';
}

export function testSetups(node: NodeName, managers: readonly ManagerName[]): void {
  describe(`Node ${node}`, { concurrency: availableParallelism() }, () => {
    for (const manager of managers) {
      testFolder(node, manager, 'none', registerWays);
      testFolder(node, manager, '2.x', [...registerWays.filter(isUsual), ...classWays('provider 2.x')]);
      const ways = [...registerWays.filter(isUsual), ...classWays('provider 3.x')];
      if (tooOldForSdk3.includes(node)) testRefusal(node, manager, ways);
      else testFolder(node, manager, '3.x', ways);
    }
  });
}

/** Beside an SDK, where what differs is the SDK. */
function isUsual({ name, type }: Way): boolean {
  return name !== 'NODE_OPTIONS' && type === (name === '--import' ? 'module' : 'commonjs');
}

function testFolder(node: NodeName, manager: ManagerName, sdk: SdkName, ways: readonly Way[]): void {
  describe(`${manager}, SDK in the application: ${sdk}`, { concurrency: false }, () => {
    const record = recorderOf(node, manager, sdk);
    const folder = new SetupFolder({ node, manager, type: 'module' });
    after(() => folder.remove());

    if (sdk === 'none')
      it('shows a cancelled span in an empty folder, after two commands', () =>
        record('console', () => firstCheck(folder)));

    it('installs without an error and without a word about peers', async () => {
      folder.write('app.js', shop('module'));
      folder.write('app.cjs', shop('commonjs'));
      // Its dependency has an install script, of which pnpm wants to be told.
      folder.write('pnpm-workspace.yaml', 'allowBuilds:\n  protobufjs: false\n');
      await folder.install(['npm install', '@grpc/grpc-js', ...sdkPackages[sdk]].join(' '));
      if (sdk !== 'none') await folder.install(installLineBesideApi);
    });

    for (const way of ways)
      it(`${way.telemetry ?? 'register'}: ${way.line}, ${way.type}`, () =>
        record(way.name, () => testWay(folder, way)));
  });
}

/** Where an SDK cannot work, its own packages say so. */
function testRefusal(node: NodeName, manager: ManagerName, ways: readonly Way[]): void {
  if (manager !== 'npm') return;
  it(`SDK 3.x does not take Node ${node}`, async () => {
    const folder = new SetupFolder({ node, manager });
    const output = await folder.run(`npm install ${sdkPackages['3.x'].join(' ')}`);
    folder.remove();
    assert.match(output, /EBADENGINE +package: '@opentelemetry\/sdk-trace@3/);
    const record = recorderOf(node, manager, '3.x');
    for (const { name } of ways) await record(name, async () => `needs ${lowestForSdk3}`);
  });
}

type Recorder = (way: WayName, test: () => Promise<string | undefined>) => Promise<void>;

function recorderOf(node: NodeName, manager: ManagerName, sdk: SdkName): Recorder {
  const version = versionOf(node);
  return async (way, test) => {
    let outcome = 'failed';
    try {
      outcome = (await test()) ?? 'passed';
    } finally {
      recordResult({ node, version, manager, sdk, way, outcome });
    }
  };
}

async function testWay(folder: SetupFolder, { line, type, telemetry }: Way): Promise<undefined> {
  const extension = type === 'module' ? 'js' : 'cjs';
  if (telemetry !== undefined) folder.write(`telemetry.${extension}`, telemetryFile(telemetry, type));
  const observation = await folder.observe(line, visitShop, hasAll);
  folder.check(() => {
    assertShop(observation, `app.${extension}`, type);
    assert.equal(observation.stderr, '', 'what it wrote to stderr');
    assert.equal(observation.end, 'SIGTERM', 'how it ended');
  });
}

/** As the README has it: a server that waits, a client that leaves, and no backend. */
async function firstCheck(folder: SetupFolder): Promise<undefined> {
  folder.write('app.js', waitingServer);
  await folder.install(installLine);
  const { output } = await folder.observe(runLine, leave, (_, text) => text.includes('cancel.initiator'), {
    OTEL_TRACES_EXPORTER: 'console',
  });
  folder.check(() => {
    assert.match(output, /'context\.canceled': true/);
    assert.match(output, /'cancel\.initiator': 'peer'/);
  });
}

const waitingServer = `import http from 'node:http';

http.createServer(() => {}).listen(Number(process.env.PORT), '127.0.0.1');
`;
