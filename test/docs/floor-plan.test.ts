/** The floor plan in docs/architecture.md is that of every integration. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readPage, root } from './pages.ts';

const integrations = join(root, 'src/integrations');
const [, section = ''] = readPage('docs/architecture.md').split('\n## The floor plan of an integration\n');
const [text = ''] = section.split('\n## ');
const [plan = '', quirksOf = ''] = text.split('\n| library | files |\n');
const planned = [...plan.matchAll(/^\| .* \| (`.*`) \|$/gm)].flatMap(([, cell = '']) => namesIn(cell));

function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+\.ts)`/g)].map(([, name = '']) => name);
}

function isPlanned(file: string): boolean {
  return planned.some((name) =>
    name.startsWith('…') ? file.endsWith(name.slice(1)) : file.replace(/^(client|server)-/, '') === name,
  );
}

describe('the floor plan of an integration', () => {
  for (const { name } of readdirSync(integrations, { withFileTypes: true }).filter((e) => e.isDirectory())) {
    it(`is that of ${name}`, () => {
      const [, line = ''] = quirksOf.match(new RegExp(`^\\| ${name} \\| (.*) \\|$`, 'm')) ?? [];
      const quirks = readdirSync(join(integrations, name)).filter((file) => !isPlanned(file));
      assert.deepEqual(namesIn(line).sort(), quirks.sort());
    });
  }
});
