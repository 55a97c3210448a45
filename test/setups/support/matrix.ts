/**
 * The set-ups of one Node: a fresh folder for each package manager and each SDK that an application may have
 * already, and in it every way to set this package up. Each result goes into the table (results.ts).
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import type { ManagerName, NodeName } from './cache.ts';
import { installLine, runLine } from './readme.ts';
import { recordResult, type SdkName, type WayName } from './results.ts';
import { SetupFolder } from './setup-folder.ts';
import { assertShop, hasAll, type ModuleType, shop, visitShop } from './shop.ts';
import { ownName } from './tarball.ts';
import { type TelemetryName, telemetryFile } from './telemetry-files.ts';

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
      if (!tooOldForSdk3.includes(node))
        testFolder(node, manager, '3.x', [...registerWays.filter(isUsual), ...classWays('provider 3.x')]);
    }
  });
}

/** Beside an SDK, where what differs is the SDK. */
function isUsual({ name, type }: Way): boolean {
  return name !== 'NODE_OPTIONS' && type === (name === '--import' ? 'module' : 'commonjs');
}

function testFolder(node: NodeName, manager: ManagerName, sdk: SdkName, ways: readonly Way[]): void {
  describe(`${manager}, SDK in the application: ${sdk}`, { concurrency: false }, () => {
    let folder: SetupFolder;
    after(() => folder?.remove());

    it('installs without an error and without a word about peers', async () => {
      folder = new SetupFolder({ node, manager, type: 'module' });
      folder.write('app.js', shop('module'));
      folder.write('app.cjs', shop('commonjs'));
      // A package that the application had before, with an install script that pnpm wants to be told about.
      folder.write('pnpm-workspace.yaml', 'allowBuilds:\n  protobufjs: false\n');
      await folder.install(['npm install', '@grpc/grpc-js', ...sdkPackages[sdk]].join(' '));
      await folder.install(sdk === 'none' ? installLine : `npm install ${ownName}`);
    });

    for (const way of ways) {
      it(`${way.telemetry ?? 'register'} by ${way.line}, ${way.type}`, async () => {
        let hasPassed = false;
        try {
          await testWay(folder, way);
          hasPassed = true;
        } finally {
          recordResult({ node, manager, sdk, way: way.name, hasPassed });
        }
      });
    }
  });
}

async function testWay(folder: SetupFolder, { line, type, telemetry }: Way): Promise<void> {
  const extension = type === 'module' ? 'js' : 'cjs';
  if (telemetry !== undefined) folder.write(`telemetry.${extension}`, telemetryFile(telemetry, type));
  const observation = await folder.observe(line, visitShop, hasAll);
  folder.check(() => {
    assertShop(observation, `app.${extension}`, type);
    assert.equal(observation.end, 'SIGTERM', 'how it ended');
    assert.equal(observation.stderr, '', 'what it wrote to stderr');
  });
}
