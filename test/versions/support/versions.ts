/** On one Node: what cannot be, as npm says, and each chosen combination in an empty folder. */

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { type NodeName, versionOf } from '../../setups/support/cache.ts';
import { installLineBesideApi } from '../../setups/support/readme.ts';
import { SetupFolder } from '../../setups/support/setup-folder.ts';
import { telemetryFile } from '../../setups/support/telemetry-files.ts';
import { providerPackages } from '../../setups/support/ways.ts';
import { type Combination, combinationsOn, needsMissing } from './combinations.ts';
import { program, Visit } from './program.ts';
import { type Tried, versionResults } from './results.ts';

export function testVersions(node: NodeName): void {
  describe(`Node ${versionOf(node)}`, { concurrency: availableParallelism() }, () => {
    for (const { factor, version, package: spec, node: needed } of needsMissing(node)) {
      it(`is too old for ${spec}, which needs ${needed}`, async () => {
        const folder = new SetupFolder({ node });
        after(() => folder.remove());
        const output = await folder.run(`npm install --ignore-scripts '${spec}'`);
        folder.check(() => {
          assert.match(output, /EBADENGINE Unsupported engine/);
          assert.match(output, new RegExp(`required: \\{ node: .*${needed.replaceAll('.', '\\.')}`));
        });
        versionResults.record(node, {
          node,
          nodeVersion: versionOf(node),
          [factor]: version,
          outcome: `needs ${needed.replace(/\.0$/, '')}`,
        });
      });
    }
    for (const combination of combinationsOn(node)) {
      const { sdk, grpc, undici, type } = combination;
      it(`SDK ${sdk}, grpc-js ${grpc}, undici ${undici}, ${type}`, async () => {
        let tried: Tried = { ...combination, nodeVersion: versionOf(node), outcome: 'failed' };
        try {
          tried = { ...tried, ...(await runOn(combination)), outcome: 'passed' };
        } finally {
          versionResults.record(node, tried);
        }
      });
    }
  });
}

/** @returns the versions that the names in the combination are today */
async function runOn({ node, sdk, grpc, undici, type }: Combination): Promise<Partial<Tried>> {
  const extension = type === 'module' ? 'js' : 'cjs';
  const folder = new SetupFolder({ node, type: 'module' });
  after(() => folder.remove());
  folder.write(`app.${extension}`, program(type));
  folder.write(
    `telemetry.${extension}`,
    telemetryFile(sdk === '2.x' ? 'provider 2.x' : 'provider 3.x', type),
  );
  await folder.install(
    [installLineBesideApi, `@grpc/grpc-js@${grpc}`, `undici@${undici}`, ...providerPackages[sdk]].join(' '),
  );
  const installed = (name: string): string =>
    JSON.parse(folder.read(`node_modules/${name}/package.json`)).version;
  const grpcVersion = installed('@grpc/grpc-js');
  const visit = new Visit();
  const preload = type === 'module' ? '--import' : '--require';
  const observation = await folder.observe(
    `node ${preload} ./telemetry.${extension} app.${extension}`,
    visit.go,
    visit.isOver,
    { GRPC_VERSION: grpcVersion },
  );
  folder.check(() => visit.check(observation, `app.${extension}`));
  return {
    grpcVersion,
    undiciVersion: installed('undici'),
    sdkVersion: installed(sdk === '2.x' ? '@opentelemetry/sdk-trace-node' : '@opentelemetry/sdk-trace'),
  };
}
