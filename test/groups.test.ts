import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile } from './runner/compile.ts';
import { filesByGroup } from './runner/groups.ts';
import { programFiles } from './stack/programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

it('`npm test` builds nothing: what imports a program to build, or a tool to install, lies in test/stack', async () => {
  const { reachableFrom } = await compile(root);
  const importing = (group: string) =>
    (filesByGroup(join(root, 'test')).get(group) ?? []).filter((file) =>
      programFiles.some((program) => reachableFrom(join(root, 'test', file)).has(program)),
    );
  assert.deepEqual(importing('fast'), ['groups.test.ts']); // itself
  assert.ok(importing('stack').length > 10, 'and is found by this test');
});
