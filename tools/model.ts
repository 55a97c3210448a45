/**
 * What is generated from the registry in model/, a registry of OpenTelemetry's semantic conventions: the names in
 * src/telemetry/attributes.ts, the tables of docs/telemetry.md, and a JSON schema. `npm run model` writes it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeConstants } from './model/constants.ts';
import { readRegistry } from './model/registry.ts';
import { schemaOf } from './model/schema.ts';
import { fillTables } from './model/tables.ts';

/** @returns texts by path, below `root`, which has those that there are */
export function generate(root: string): Map<string, string> {
  const registry = readRegistry(join(root, 'model'));
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const names = 'src/telemetry/attributes.ts';
  const page = 'docs/telemetry.md';
  return new Map([
    [names, writeConstants(read(names), registry)],
    [page, fillTables(read(page), registry)],
    ['model/telemetry.schema.json', `${JSON.stringify(schemaOf(registry), undefined, 2)}\n`],
  ]);
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) {
  const root = join(self, '../..');
  for (const [path, text] of generate(root)) writeFileSync(join(root, path), text);
}
