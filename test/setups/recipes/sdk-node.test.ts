/** NodeSDK and auto-instrumentations, on both lines of OpenTelemetry: npm chooses the one that the Node takes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeName } from '../support/cache.ts';
import { assertTagged, plainApp, type Scopes } from '../support/outing.ts';
import { follow, recipe } from '../support/recipe.ts';

const official: Scopes = {
  server: '@opentelemetry/instrumentation-http',
  fetch: '@opentelemetry/instrumentation-undici',
  http: '@opentelemetry/instrumentation-http',
};

const nodes: [NodeName, line: string][] = [
  ['20', '2.x'],
  ['26', '3.x'],
];
for (const [node, line] of nodes) {
  describe(`NodeSDK ${line} and auto-instrumentations, on Node ${node}`, () => {
    const { folder, ...inCode } = follow('NodeSDK in code', { node, type: 'commonjs' });
    const byFlag = recipe('auto-instrumentations by a flag');

    it('installs', async () => {
      folder.write('app.js', plainApp);
      for (const text of inCode.files.values()) folder.write('ours-first.mjs', oursFirst(text));
      await inCode.install();
      for (const install of byFlag.installs) await folder.install(install);
      assert.match(
        folder.read('node_modules/@opentelemetry/sdk-node/package.json'),
        line === '2.x' ? /"version": "0\.2\d\d\./ : /"version": "0\.[3-9]\d\d\./,
      );
    });

    const [flags] = byFlag.runs;
    assert.ok(flags);
    const required = flags.replaceAll('--import', '--require');
    const runs = {
      'in code': inCode.runs[0],
      'in code, ours first': inCode.runs[0]?.replace('telemetry', 'ours-first'),
      'by --import': flags,
      'by --import, ours first': swapped(flags),
      'by --require': required,
      'by --require, ours first': swapped(required),
      'by NODE_OPTIONS': flags.replace(/^node (.*) app\.js$/, "NODE_OPTIONS='$1' node app.js"),
    };
    for (const [name, run] of Object.entries(runs)) {
      it(`tags the official spans, ${name}`, async () => {
        assert.ok(run);
        await assertTagged(folder, run, official);
      });
    }
  });
}

function oursFirst(text: string): string {
  const swappedText = text.replace(/\[(getNode\S+), (new Canc\S+)\]/, '[$2, $1]');
  assert.notEqual(swappedText, text);
  return swappedText;
}

function swapped(line: string): string {
  const swappedLine = line.replace(/^node (--\w+ \S+) (--\w+ \S+)/, 'node $2 $1');
  assert.notEqual(swappedLine, line);
  return swappedLine;
}
