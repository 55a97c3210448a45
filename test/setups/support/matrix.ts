/**
 * The set-ups of one Node: a fresh folder for each package manager and each SDK that an application may have
 * already, and in it every way to set this package up (ways.ts). Each result goes into the table (results.ts).
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, describe, it } from 'node:test';
import { type ManagerName, type NodeName, versionOf } from './cache.ts';
import { firstCheckLine, installLine, installLineBesideApi, runLine } from './readme.ts';
import { type SdkName, setupResults, type WayName } from './results.ts';
import { SetupFolder } from './setup-folder.ts';
import { assertShop, hasAll, shop, visitShop } from './shop.ts';
import { telemetryFile } from './telemetry-files.ts';
import { leave } from './visitors.ts';
import { olderManifest, sdkPackages, type Way, waysWith, whyNoSdk3, whyNot } from './ways.ts';

export function testSetups(node: NodeName, managers: readonly ManagerName[]): void {
  describe(`Node ${node}`, { concurrency: availableParallelism() }, () => {
    for (const manager of managers) {
      if (manager === 'yarn 4 PnP' && whyNoSdk3(node) !== undefined) {
        testNoPnp(node);
        continue;
      }
      testFolder(node, manager, 'none');
      testFolder(node, manager, '2.x');
      if (whyNoSdk3(node) === undefined) testFolder(node, manager, '3.x');
      else if (manager === 'npm') testNoSdk3(node, manager);
      if (whyNoSdk3(node) === undefined && manager === 'npm') testFolder(node, manager, 'both');
    }
  });
}

function testFolder(node: NodeName, manager: ManagerName, sdk: SdkName): void {
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
      if (sdk === 'both') {
        folder.write('older/package.json', olderManifest);
        await folder.run('npm pack --silent ./older');
      }
      await folder.install(['npm install', '@grpc/grpc-js', ...sdkPackages[sdk]].join(' '));
      if (sdk !== 'none') await folder.install(installLineBesideApi);
    });

    for (const way of waysWith(sdk)) {
      const reason = whyNot(manager, way);
      if (reason === undefined)
        it(`${way.telemetry ?? 'register'}: ${way.line}, ${way.type}`, () =>
          record(way.name, () => testWay(folder, way)));
      else after(() => record(way.name, async () => reason));
    }
  });
}

/** Its own packages say that this Node is too old for them. */
function testNoSdk3(node: NodeName, manager: ManagerName): void {
  it(`SDK 3.x does not take Node ${node}`, async () => {
    const folder = new SetupFolder({ node, manager });
    const output = await folder.run(`npm install ${sdkPackages['3.x'].join(' ')}`);
    folder.remove();
    assert.match(output, /EBADENGINE +package: '@opentelemetry\/sdk-trace@3/);
    for (const sdk of ['3.x', 'both'] as const)
      for (const { name } of waysWith(sdk))
        await recorderOf(node, manager, sdk)(name, async () => whyNoSdk3(node));
  });
}

/** There, what `register` loads is looked for in node_modules, where PnP has nothing. */
function testNoPnp(node: NodeName): void {
  it(`yarn 4 PnP: register says in one line that Node ${node} is too old for it, and the application runs`, async () => {
    const folder = new SetupFolder({ node, manager: 'yarn 4 PnP' });
    folder.write('app.js', waitingServer);
    await folder.install(installLine);
    const { stderr, spans } = await folder.observe(runLine, leave, (_, output) => output !== '');
    folder.check(() => {
      assert.deepEqual(spans, []);
      assert.match(stderr, /^opentelemetry-instrumentation-cancellation: not started: .*@opentelemetry\/api/);
    });
    folder.remove();
    const record = recorderOf(node, 'yarn 4 PnP', 'none');
    for (const { name } of waysWith('none')) await record(name, async () => 'needs 22.15');
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
      setupResults.record(node, { node, version, manager, sdk, way, outcome });
    }
  };
}

async function testWay(folder: SetupFolder, { line, type, telemetry }: Way): Promise<undefined> {
  const extension = type === 'module' ? 'js' : 'cjs';
  if (telemetry !== undefined) folder.write(`telemetry.${extension}`, telemetryFile(telemetry, type));
  const observation = await folder.observe(line, visitShop, hasAll);
  folder.check(() => {
    assertShop(observation, `app.${extension}`, type);
    assert.equal(withoutNodesWord(observation.stderr), '', 'what it wrote to stderr');
    // `yarn node` ends in its own way.
    if (folder.manager !== 'yarn 4 PnP') assert.equal(observation.end, 'SIGTERM', 'how it ended');
  });
}

/** Node 22.12 says so of whatever ES module is loaded by --require or by require() in the application. */
function withoutNodesWord(stderr: string): string {
  return stderr.replace(/^\(node:\d+\) ExperimentalWarning: .* is loading ES Module(.*\n){3}/m, '');
}

/** As the README has it: a server that waits, a client that leaves, and no backend. */
async function firstCheck(folder: SetupFolder): Promise<undefined> {
  await folder.install(installLine);
  const { output } = await folder.observe(firstCheckLine, leave, (_, text) =>
    text.includes('cancel.initiator'),
  );
  folder.check(() => {
    assert.match(output, /'context\.canceled': true/);
    assert.match(output, /'cancel\.initiator': 'peer'/);
  });
}

const waitingServer = `import http from 'node:http';

http.createServer(() => {}).listen(Number(process.env.PORT), '127.0.0.1');
`;
