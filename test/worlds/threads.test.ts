import { after, describe, it } from 'node:test';
import { ALL, assertSeen, World } from './world.ts';

const START = `import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
`;
const PASS_ON = `const [report] = await once(worker, 'message');
process.stdout.write(JSON.stringify(report));
`;
const world = new World({
  // Workers inherit --import and --require.
  'inherits.mjs': `${START}const worker = new Worker(new URL('./job.mjs', import.meta.url));\n${PASS_ON}`,
  'own-flags.mjs': `${START}const worker = new Worker(new URL('./job.mjs', import.meta.url), {
  execArgv: ['--import', './setup.mjs'],
});
${PASS_ON}`,
  'job.mjs': `import * as grpc from '@grpc/grpc-js';
import http from 'node:http';
import { parentPort } from 'node:worker_threads';
import { visit } from './shop.cjs';
import { report } from './telemetry.cjs';
await visit(grpc, http);
parentPort.postMessage(await report());
`,
  // The main thread calls and is called, while a worker with nothing in it does the same.
  'bare-worker.mjs': `${START}import * as grpc from '@grpc/grpc-js';
import http from 'node:http';
import { visit } from './shop.cjs';
import { print } from './telemetry.cjs';
const worker = new Worker(new URL('./job.mjs', import.meta.url), { execArgv: [] });
const [[{ spans }]] = await Promise.all([once(worker, 'message'), visit(grpc, http)]);
if (spans.length > 0) throw new Error('a worker that was not set up has made spans');
await print();
`,
});

describe('a worker thread', () => {
  after(() => world.remove());

  it('inherits the set-up by --import', async () => {
    assertSeen(await world.run('--import', './setup.mjs', 'inherits.mjs'), ALL);
  });

  it('inherits the set-up by --require', async () => {
    assertSeen(await world.run('--require', './setup.cjs', 'inherits.mjs'), ALL);
  });

  it('has a set-up of its own, while the main thread has none', async () => {
    assertSeen(await world.run('own-flags.mjs'), ALL);
  });

  it('without set-up is left alone, while the main thread has one', async () => {
    assertSeen(await world.run('--import', './setup.mjs', 'bare-worker.mjs'), ALL);
  });
});
