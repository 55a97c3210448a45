/** docs/stability.md: everything that is exported has a level, and nothing else has one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { readPage } from './pages.ts';

const root = new URL('../../', import.meta.url);
const page = readPage('docs/stability.md');
const [, api = ''] = /^## The API\n(.*?)^## /ms.exec(page) ?? [];

it('names each export once', () => {
  const source = readFileSync(new URL('src/index.ts', root), 'utf8');
  const exported = [...source.matchAll(/^export (?:type )?\{([^}]+)\}/gm)].flatMap(([, names = '']) =>
    names.split(',').flatMap((name) => name.trim() || []),
  );
  const levelled = [...api.matchAll(/`(\w+)`/g)].flatMap(([, name = '']) =>
    name === 'propagate' ? [] : name,
  );
  const ofFunctions = new Set(['import', 'require']);
  assert.deepEqual(levelled.filter((name) => !ofFunctions.has(name)).sort(), exported.sort());
});

it('names each entry', () => {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  const entries = Object.keys(exports).filter((entry) => entry !== '.' && entry !== './package.json');
  for (const entry of entries) assert.ok(api.includes(`\`…/${entry.slice(2)}\``), entry);
});
