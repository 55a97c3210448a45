/** `npm run test:setups`: each way to set this package up, on each Node, with each package manager and SDK. */
import { parseArgs } from 'node:util';
import { managerNames, nodeNames, refreshCache } from './support/cache.ts';
import { setupResults } from './support/results.ts';
import { runGroup } from './support/run-group.ts';
import { readmeTable, terminalTable } from './support/table.ts';

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false }, again: { type: 'boolean', default: false } },
});
refreshCache(nodeNames, managerNames);
process.exitCode = runGroup({
  group: 'setups',
  words,
  again: values.again,
  write: values.write,
  results: setupResults,
  terminalTable,
  readmeTable,
});
