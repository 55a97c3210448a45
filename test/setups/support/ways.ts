/** What an application may have, and every way to set this package up in it. */
import { isOlder, type ManagerName, type NodeName } from './cache.ts';
import { runLine } from './readme.ts';
import type { SdkName, WayName } from './results.ts';
import type { ModuleType } from './shop.ts';
import type { TelemetryName } from './telemetry-files.ts';

/** Of each line, what the README's set-up by the class takes. */
export const providerPackages: Readonly<Record<'2.x' | '3.x', readonly string[]>> = {
  '2.x': [
    '@opentelemetry/api@~1.9.0',
    '@opentelemetry/exporter-trace-otlp-http@^0.223.0',
    '@opentelemetry/sdk-trace-node@^2.12.0',
  ],
  '3.x': [
    '@opentelemetry/api@^1.10.0',
    '@opentelemetry/context-async-hooks@^3.1.0',
    '@opentelemetry/core@^3.1.0',
    '@opentelemetry/exporter-trace-otlp-http@^0.301.0',
    '@opentelemetry/sdk-trace@^3.1.0',
  ],
};
const packages2 = [
  ...providerPackages['2.x'],
  '@opentelemetry/instrumentation@^0.223.0',
  '@opentelemetry/sdk-node@^0.223.0',
];
const packages3 = [
  ...providerPackages['3.x'],
  '@opentelemetry/instrumentation@^0.301.0',
  '@opentelemetry/sdk-node@^0.301.0',
];
/** A package of the application that has an SDK, and an API, of its own. */
export const olderPackage = 'older-1.0.0.tgz';
export const olderManifest: string = JSON.stringify({
  name: 'older',
  version: '1.0.0',
  dependencies: { '@opentelemetry/api': '~1.9.0', '@opentelemetry/sdk-trace-node': '^2.12.0' },
});

/** What the application has installed before it hears of us. */
export const sdkPackages: Readonly<Record<SdkName, readonly string[]>> = {
  none: [],
  '2.x': packages2,
  '3.x': packages3,
  both: [`./${olderPackage}`, ...packages3],
};

export interface Way {
  readonly name: WayName;
  readonly type: ModuleType;
  readonly line: string;
  /** A set-up in code; `register` where there is none. */
  readonly telemetry?: TelemetryName;
}

const runs: Record<ModuleType, string> = { module: runLine, commonjs: runLine.replace('app.js', 'app.cjs') };
const required = (line: string): string => line.replace('--import', '--require');
const byOptions = (line: string): string =>
  line.replace(/node (--\S+ \S+) /, (_, options) => `NODE_OPTIONS='${options}' node `);

const importing: Way = { name: '--import', type: 'module', line: runs.module };
const requiring: Way = { name: '--require', type: 'commonjs', line: required(runs.commonjs) };

/** In an application without an SDK all of `register`; beside one, where what differs is the SDK, the usual two. */
export function waysWith(sdk: SdkName): readonly Way[] {
  if (sdk === 'both') return [importing, requiring];
  if (sdk !== 'none')
    return [importing, requiring, ...inCode(sdk === '2.x' ? 'provider 2.x' : 'provider 3.x')];
  return [
    importing,
    { name: '--import', type: 'commonjs', line: runs.commonjs },
    { name: '--require', type: 'module', line: required(runs.module) },
    requiring,
    { name: 'NODE_OPTIONS', type: 'module', line: byOptions(runs.module) },
    { name: 'NODE_OPTIONS', type: 'commonjs', line: byOptions(required(runs.commonjs)) },
  ];
}

function inCode(provider: TelemetryName): readonly Way[] {
  return [provider, 'NodeSDK' as const].flatMap((telemetry): Way[] => {
    const name = telemetry === 'NodeSDK' ? 'NodeSDK' : 'class';
    return [
      { name, type: 'module', line: 'node --import ./telemetry.js app.js', telemetry },
      { name, type: 'commonjs', line: 'node --require ./telemetry.cjs app.cjs', telemetry },
    ];
  });
}

/** Why SDK 3.x cannot be had on this Node: its packages say so themselves. */
export function whyNoSdk3(node: NodeName): string | undefined {
  return isOlder(node, '22.15.0') ? 'needs 22.15' : undefined;
}

/** Why a way is not open with this package manager. */
export function whyNot(manager: ManagerName, { name, type }: Way): string | undefined {
  if (manager !== 'yarn 4 PnP') return undefined;
  // `yarn node` is itself a Node that reads it, and finds no packages.
  if (name === 'NODE_OPTIONS') return 'not with PnP';
  // What an ES module imports that require() loads is looked for in node_modules, where PnP has nothing.
  if (name === '--require' || (type === 'commonjs' && name !== '--import')) return 'not with PnP';
  return undefined;
}
