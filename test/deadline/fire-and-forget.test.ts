/** With propagate.cancel, what is ended with its incoming operation may be what nobody waits for. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { scriptFile } from '../support/script.ts';

const script = scriptFile('./fixtures/fire-and-forget.ts', import.meta.url);

describe('a request that nobody waits for is ended with its incoming operation', () => {
  for (const call of [
    'fetch()',
    'fetch() in a function',
    'fetch(), with an error of its own',
    'request() of undici',
    'node:http',
    'node:http2',
  ]) {
    for (const flag of ['--unhandled-rejections=throw', '--unhandled-rejections=strict']) {
      it(`${call}, ${flag}: the process goes on, and ends by an error of its own`, () => {
        const run = spawnSync(process.execPath, [flag, script, call], { encoding: 'utf8' });
        assert.equal(run.stdout, 'alive', run.stderr);
        assert.equal(run.status, 1);
        assert.match(run.stderr, /Error: of the application/);
      });
    }
  }
});
