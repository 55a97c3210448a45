import { after, describe, it } from 'node:test';
import { assertSeen, GRPC, HTTP, World } from './world.ts';

/** The application first: a server that listens, a client that is connected. */
const RUNNING = `const { openGrpc, openHttp } = require('./shop.cjs');
const { instrument, print, startProvider } = require('./telemetry.cjs');
const load = () => require('opentelemetry-instrumentation-cancellation').CancellationInstrumentation;
`;
const twice = [...GRPC, ...GRPC];
const loadedBefore =
  /^opentelemetry-instrumentation-cancellation: @grpc\/grpc-js was loaded before this instrumentation was enabled: calls under way and handlers that @opentelemetry\/instrumentation-grpc has wrapped are not seen$/;

const world = new World({
  'grpc.cjs': `${RUNNING}
(async () => {
  const orders = await openGrpc(require('@grpc/grpc-js'));
  await orders.order();
  startProvider();
  instrument(new (load())());
  await orders.order();
  await orders.order();
  orders.close();
  await print();
})();
`,
  'grpc.mjs': `import * as grpc from '@grpc/grpc-js';
import { openGrpc } from './shop.cjs';
import { print } from './telemetry.cjs';
const orders = await openGrpc(grpc);
await orders.order();
await import('./setup.mjs');
await orders.order();
await orders.order();
orders.close();
await print();
`,
  'copies.cjs': `${RUNNING}
(async () => {
  const orders = await openGrpc(require('one').grpc, require('other').grpc);
  startProvider();
  instrument(new (load())());
  await orders.order();
  const later = await openGrpc(require('@grpc/grpc-js'));
  await later.order();
  orders.close();
  later.close();
  await print();
})();
`,
  'under-way.cjs': `${RUNNING}
(async () => {
  const grpc = require('@grpc/grpc-js');
  const orders = await openGrpc(grpc);
  await orders.order(() => {
    startProvider();
    instrument(new (load())());
  });
  await orders.order();
  orders.close();
  await print();
})();
`,
  'official.cjs': `${RUNNING}
const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc');
startProvider();
instrument(new GrpcInstrumentation());
(async () => {
  const grpc = require('@grpc/grpc-js');
  const orders = await openGrpc(grpc);
  instrument(new (load())());
  const later = await openGrpc(grpc);
  await later.order();
  orders.close();
  later.close();
  await print();
})();
`,
  'http.cjs': `${RUNNING}
(async () => {
  const shelf = await openHttp(require('node:http'));
  await shelf.connect();
  startProvider();
  instrument(new (load())());
  await shelf.look();
  shelf.close();
  await print();
})();
`,
  'nothing.cjs': `${RUNNING}
startProvider();
instrument(new (load())());
print();
`,
});
world.copyGrpc('one');
world.copyGrpc('other');

describe('an instrumentation that is registered late', () => {
  after(() => world.remove());

  it('sees the calls of a gRPC client and server that are there already, and says what it does not', async () => {
    assertSeen(await world.run('grpc.cjs'), twice, [loadedBefore]);
  });

  it('sees them in an ES module as well', async () => {
    assertSeen(await world.run('grpc.mjs'), twice, [loadedBefore]);
  });

  it('sees them in every copy of grpc-js, those that come later included', async () => {
    assertSeen(await world.run('copies.cjs'), twice, [loadedBefore]);
  });

  it('leaves alone a call that is under way', async () => {
    assertSeen(await world.run('under-way.cjs'), GRPC, [loadedBefore]);
  });

  it('tags spans that an earlier official instrumentation makes', async () => {
    assertSeen(await world.run('official.cjs'), GRPC, [loadedBefore]);
  });

  it('sees the requests of an HTTP client and server that are connected already', async () => {
    assertSeen(await world.run('http.cjs'), HTTP);
  });

  it('has nothing to say when nothing was loaded', async () => {
    assertSeen(await world.run('nothing.cjs'), []);
  });
});
