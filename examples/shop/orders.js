// Orders: a gRPC service that reserves what it sells with the stock service over HTTP.
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const { HOST = '127.0.0.1', PORT = '50051', STOCK_URL = 'http://127.0.0.1:3001' } = process.env;

const definition = protoLoader.loadSync(fileURLToPath(new URL('shop.proto', import.meta.url)));
const { shop } = grpc.loadPackageDefinition(definition);

/** A good citizen: when its caller gives up, it gives up its own request to stock. */
function placeOrder(call, callback) {
  const { item } = call.request;
  const reservation = reserve(item, (error) => {
    if (call.cancelled) return; // Nobody waits for the answer any more.
    callback(error, { item, state: 'placed' });
  });
  call.on('cancelled', () => stopReservation(reservation));
}

function stopReservation(reservation) {
  reservation.destroy();
}

/** A bad citizen: never asks whether anybody still waits, goes on and answers into the void. */
async function wrapGift(call, callback) {
  const { item } = call.request;
  await sleep(500);
  reserve('ribbon', (error) => callback(error, { item, state: 'wrapped' }));
}

/**
 * Asks the carrier, who takes longer for large things than its caller is willing to wait; and stock, which it
 * does not tell how little time there is.
 */
function estimateDelivery(call, callback) {
  const { item } = call.request;
  const isLarge = item === 'sofa';
  countInStock(item, isLarge ? 'south' : 'north');
  const carrier = setTimeout(() => callback(null, { item, days: isLarge ? 14 : 2 }), isLarge ? 800 : 20);
  call.on('cancelled', () => clearTimeout(carrier));
}

/** Warms stock's cache; nobody looks at the answer. */
function countInStock(item, warehouse) {
  const url = new URL(`/stock/${item}?warehouse=${warehouse}`, STOCK_URL);
  const request = http.get(url, (response) => response.resume());
  request.on('error', () => {});
}

/** Calls `done` once, with an error unless stock has reserved the item. */
function reserve(item, done) {
  const url = new URL(`/reservations/${item}`, STOCK_URL);
  const request = http.request(url, { method: 'POST' }, (response) => {
    const isReserved = response.statusCode === 201;
    const failure = { code: grpc.status.INTERNAL, details: `stock answered ${response.statusCode}` };
    json(response).then(() => done(isReserved ? null : failure), done);
  });
  request.on('error', done);
  request.end();
  return request;
}

const server = new grpc.Server();
server.addService(shop.Orders.service, { placeOrder, wrapGift, estimateDelivery });
server.bindAsync(`${HOST}:${PORT}`, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on ${HOST}:${port}`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.tryShutdown(() => {});
  });
}
