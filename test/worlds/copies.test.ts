import { after, describe, it } from 'node:test';
import { assertSeen, GRPC, World } from './world.ts';

const twice = [...GRPC, ...GRPC];
const world = new World({
  'app.cjs': `const grpcs = [require('@grpc/grpc-js'), require('one').grpc, require('other').grpc];
const { openGrpc } = require('./shop.cjs');
const { print } = require('./telemetry.cjs');
if (new Set(grpcs).size !== 3) throw new Error('the copies are one');
(async () => {
  const [main, one, other] = grpcs;
  for (const pair of [[main, one], [one, other]]) {
    const orders = await openGrpc(...pair);
    await orders.order();
    orders.close();
  }
  await print();
})();
`,
  'switched.cjs': `const { CancellationInstrumentation } = require('opentelemetry-instrumentation-cancellation');
const { openGrpc } = require('./shop.cjs');
const { instrument, print, startProvider } = require('./telemetry.cjs');
startProvider();
const ours = new CancellationInstrumentation();
instrument(ours);
const grpcs = [require('@grpc/grpc-js'), require('one').grpc];
(async () => {
  const first = await openGrpc(...grpcs);
  ours.disable();
  // Loaded, and its handlers registered, while nobody looks.
  const other = require('other').grpc;
  const second = await openGrpc(other);
  await first.order();
  await second.order();
  ours.enable();
  await first.order();
  await second.order();
  first.close();
  second.close();
  await print();
})();
`,
});
world.copyGrpc('one');
world.copyGrpc('other');

describe('several copies of grpc-js in one process', () => {
  after(() => world.remove());

  it('are all seen, and each call once', async () => {
    assertSeen(await world.run('--require', './setup.cjs', 'app.cjs'), twice);
  });

  it('are all seen again after disable() and enable(), one that came meanwhile as well', async () => {
    assertSeen(await world.run('switched.cjs'), twice, [/@grpc\/grpc-js was loaded before/]);
  });
});
