import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CancellationInstrumentation } from '../src/index.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../src/version.ts';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

test('the code reports the name and version that package.json has', () => {
  assert.equal(PACKAGE_NAME, manifest.name);
  assert.equal(PACKAGE_VERSION, manifest.version);
  const instrumentation = new CancellationInstrumentation({ enabled: false });
  assert.equal(instrumentation.instrumentationName, manifest.name);
  assert.equal(instrumentation.instrumentationVersion, manifest.version);
});
