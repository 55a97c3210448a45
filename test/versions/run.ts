/**
 * `npm run test:versions`: Node × SDK × grpc-js × undici × CommonJS and ES modules, so many combinations that each two versions
 * meet. What runs in each is in support/program.ts. The options of `npm run test:setups`, and:
 *
 *     --all             each combination
 *     --node <binary>   only on this Node, such as a nightly build, of which npm has none
 */
import { parseArgs } from 'node:util';
import { refreshCache } from '../setups/support/cache.ts';
import { runGroup } from '../setups/support/run-group.ts';
import { factors } from './support/combinations.ts';
import { versionResults } from './support/results.ts';
import { readmeTable, terminalTable } from './support/table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    node: { type: 'string' },
  },
});
if (values.all) process.env.ALL_VERSIONS = 'true';
if (values.node !== undefined) process.env.GIVEN_NODE = values.node;
refreshCache(factors.node, []);
process.exitCode = runGroup({
  group: 'versions',
  words: values.node === undefined ? positionals : ['node-given'],
  again: values.again,
  write: values.write,
  results: versionResults,
  terminalTable,
  readmeTable,
});
