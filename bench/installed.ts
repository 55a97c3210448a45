/** What the bench takes from the registry, into a folder of the user's cache: the other line of the SDK, and the vendors. */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installedTools } from '../test/setups/support/cache.ts';
import { compileChild } from './compile.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const [nodeMajor = 0] = process.versions.node.split('.').map(Number);

/** @returns a folder of node_modules */
export function installVendors(): string {
  // Version 6 needs Node 22.
  const datadog = nodeMajor < 22 ? 'dd-trace@5' : 'dd-trace@6';
  return installedTools('bench-vendors', ['@sentry/node@11', datadog, '@msgpack/msgpack@3']);
}

/** The child program and this package beside line 3 of the SDK, where all of them find the same API. */
export function placeBesideSdk3(): { readonly program: string; readonly packageUrl: string } {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const installed = installedTools('bench-sdk-3', [
    '@opentelemetry/api@~1.10.0',
    '@opentelemetry/context-async-hooks@^3.1.0',
    '@opentelemetry/core@^3.1.0',
    '@opentelemetry/instrumentation@^0.301.0',
    '@opentelemetry/instrumentation-grpc@^0.300.0',
    '@opentelemetry/instrumentation-http@^0.301.0',
    '@opentelemetry/instrumentation-undici@^0.34.0',
    '@opentelemetry/sdk-metrics@^3.1.0',
    '@opentelemetry/sdk-trace@^3.1.0',
    ...Object.entries(dependencies).map(([name, range]) => `${name}@${range}`),
    `@grpc/grpc-js@${devDependencies['@grpc/grpc-js']}`,
  ]);
  const place = join(dirname(installed), 'package');
  rmSync(place, { recursive: true, force: true });
  for (const name of ['package.json', 'dist'])
    cpSync(join(root, name), join(place, name), { recursive: true });
  return {
    program: compileChild(join(place, 'bench')),
    packageUrl: pathToFileURL(join(place, 'dist/index.js')).href,
  };
}
