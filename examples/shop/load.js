// The load: browsers that visit the shop. Most get what they want; each scenario has its own route.
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const { GATEWAY_URL = 'http://127.0.0.1:3000', ROUNDS = '1', SCENARIO = 'visits' } = process.env;

/** The healthy majority. */
async function shop() {
  for (const item of ['lamp', 'chair', 'table', 'mirror', 'carpet', 'clock']) {
    await visit('POST', `/checkout/${item}`, 200);
    await visit('GET', `/delivery/${item}`, 200);
    await sleep(50);
  }
}

// Who leaves does so when it has waited for a while, and when what was asked for later, on the same way, is there: on a machine
// that is busy its request would not have arrived otherwise.

/** The browser leaves while its order waits for stock: everything behind it stops. */
async function leaveCheckout() {
  const request = open('POST', '/checkout/sofa').on('error', ignoreHangUp);
  await Promise.all([sleep(200), visit('POST', '/checkout/lamp', 200)]);
  request.destroy();
  report('POST', '/checkout/sofa', 'left');
}

/** The browser leaves again, but this time orders does not listen and works on for nobody. */
async function leaveGiftWrap() {
  const request = open('POST', '/gift-wrap/lamp').on('error', ignoreHangUp);
  await Promise.all([sleep(150), visit('POST', '/checkout/lamp', 200)]);
  request.destroy();
  report('POST', '/gift-wrap/lamp', 'left');
}

/** The gateway asks two warehouses, and aborts the slower one. */
async function compareWarehouses() {
  await visit('GET', '/stock/lamp', 200);
}

/** The gateway's deadline for its gRPC call passes. */
async function waitForEstimate() {
  await visit('GET', '/delivery/sofa', 504);
}

/** A plain failure, which is nobody's cancellation. */
async function orderPoster() {
  await visit('POST', '/checkout/poster', 502);
}

/** Stock is restarted while it looks for large things; that the lamp was found says that it is at it. */
async function orderDuringDeploy() {
  const large = ['sofa', 'wardrobe'].map((item) => visit('POST', `/checkout/${item}`, 502));
  await visit('POST', '/checkout/lamp', 200);
  await Promise.all(large);
}

/** The browser leaves while the database counts; another one waits for its answer. */
async function leaveInventory() {
  await visit('GET', '/inventory/north', 200);
  const request = open('GET', '/inventory/south').on('error', ignoreHangUp);
  await Promise.all([sleep(200), visit('GET', '/inventory/north', 200)]);
  request.destroy();
  report('GET', '/inventory/south', 'left');
  await visit('GET', '/inventory/south', 200);
}

async function visit(method, path, expectedStatus) {
  const [response] = await once(open(method, path), 'response');
  await json(response);
  const { statusCode } = response;
  report(method, path, statusCode === expectedStatus ? statusCode : `${statusCode}, not ${expectedStatus}`);
}

function open(method, path) {
  const request = http.request(new URL(path, GATEWAY_URL), { method });
  return request.end();
}

function ignoreHangUp() {} // What destroy() before an answer makes of itself: an ECONNRESET.

function report(method, path, outcome) {
  console.log(`${method.padEnd(4)} ${path.padEnd(18)} ${outcome}`);
}

if (SCENARIO === 'deploy') {
  await orderDuringDeploy();
  process.exit();
}
if (SCENARIO === 'inventory') {
  await leaveInventory();
  process.exit();
}
await visit('POST', '/checkout/candle', 200); // Opens the connections between the services: the first visit is slow.
for (let round = 0; round < Number(ROUNDS); round++) {
  await Promise.all([
    shop(),
    leaveCheckout(),
    leaveGiftWrap(),
    compareWarehouses(),
    waitForEstimate(),
    orderPoster(),
  ]);
}
