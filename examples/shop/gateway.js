// The gateway: browsers talk HTTP to it; it talks gRPC to orders and HTTP to stock.
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const {
  HOST = '127.0.0.1',
  PORT = '3000',
  ORDERS_ADDRESS = '127.0.0.1:50051',
  STOCK_URL = 'http://127.0.0.1:3001',
} = process.env;

const definition = protoLoader.loadSync(fileURLToPath(new URL('shop.proto', import.meta.url)));
const { shop } = grpc.loadPackageDefinition(definition);
const orders = new shop.Orders(ORDERS_ADDRESS, grpc.credentials.createInsecure());

/** POST /checkout/:item – when the browser leaves, its order is called off as well. */
function checkOut(item, response) {
  const call = orders.placeOrder({ item }, (error, order) => reply(response, error, order));
  response.on('close', () => callOffIfUnanswered(response, call));
}

/** POST /gift-wrap/:item – called off in the same way, but orders does not listen. */
function wrapGift(item, response) {
  const call = orders.wrapGift({ item }, (error, order) => reply(response, error, order));
  response.on('close', () => callOffIfUnanswered(response, call));
}

/** GET /delivery/:item – an estimate is only worth 150 ms of waiting. */
function estimateDelivery(item, response) {
  const deadline = Date.now() + 150;
  orders.estimateDelivery({ item }, { deadline }, (error, estimate) => reply(response, error, estimate));
}

/** GET /stock/:item – asks two warehouses, takes the first answer and drops the other request. */
async function findStock(item, response) {
  const race = new AbortController();
  const requests = ['north', 'south'].map((warehouse) => askWarehouse(warehouse, item, race.signal));
  try {
    const stock = await Promise.any(requests);
    race.abort(new Error('a faster warehouse answered'));
    reply(response, null, stock);
  } catch (error) {
    reply(response, error);
  }
}

function callOffIfUnanswered(response, call) {
  if (!response.writableEnded) call.cancel();
}

function askWarehouse(warehouse, item, signal) {
  const url = new URL(`/stock/${item}?warehouse=${warehouse}`, STOCK_URL);
  return new Promise((resolve, reject) => {
    const request = http.get(url, { signal }, (answer) => json(answer).then(resolve, reject));
    request.on('error', reject);
  });
}

function reply(response, error, body) {
  if (response.destroyed) return; // The browser has left: nobody to reply to.
  const isLate = error?.code === grpc.status.DEADLINE_EXCEEDED;
  response.writeHead(error ? (isLate ? 504 : 502) : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(error ? { error: error.message } : body));
}

/** GET /inventory/:warehouse – when the browser leaves, stock need not answer any more. */
function takeInventory(warehouse, response) {
  const request = http.get(new URL(`/inventory/${warehouse}`, STOCK_URL), (answer) => {
    json(answer).then(
      (inventory) => reply(response, null, inventory),
      (error) => reply(response, error),
    );
  });
  request.on('error', (error) => reply(response, error));
  response.on('close', () => dropInventory(request));
}

function dropInventory(request) {
  request.destroy();
}

const routes = new Map([
  ['POST checkout', checkOut],
  ['POST gift-wrap', wrapGift],
  ['GET delivery', estimateDelivery],
  ['GET stock', findStock],
  ['GET inventory', takeInventory],
]);

const server = http.createServer((request, response) => {
  const [, route, item = ''] = request.url.split('/');
  const handle = routes.get(`${request.method} ${route}`);
  if (handle) handle(item, response);
  else response.writeHead(404).end();
});

server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => orders.close());
  });
}
