// Stock: an HTTP service that knows what lies in which warehouse; the shelves are in a PostgreSQL, if it is given one.
import http from 'node:http';
import pg from 'pg';

const { HOST = '127.0.0.1', PORT = '3001', DRAIN_LIMIT_MS = '3000', DATABASE_URL } = process.env;

const database = DATABASE_URL ? new pg.Pool({ connectionString: DATABASE_URL }) : undefined;
await database?.query(`
  CREATE TABLE IF NOT EXISTS shelves (warehouse text, item text, count int);
  CREATE TABLE IF NOT EXISTS inventories (warehouse text, taken timestamptz)`);

/** GET /stock/:item?warehouse= – the south has an old computer. */
function countItems(item, warehouse, response) {
  const delayMs = warehouse === 'south' ? 1000 : 40;
  replyAfter(delayMs, response, 200, { item, warehouse, count: 7 });
}

/** POST /reservations/:item – large things have to be looked for; the shelf with the posters has collapsed. */
function reserveItem(item, response) {
  if (item === 'poster') replyAfter(10, response, 500, { error: 'the shelf has collapsed' });
  else replyAfter(['sofa', 'wardrobe'].includes(item) ? 1500 : 20, response, 201, { item, reserved: true });
}

/** GET /inventory/:warehouse – counts every shelf, and writes down that it has; asks nobody whether anybody still waits. */
async function takeInventory(warehouse, response) {
  const shelves = await countShelves(warehouse);
  await database.query('INSERT INTO inventories VALUES ($1, now())', [warehouse]);
  replyAfter(0, response, 200, { warehouse, shelves });
}

/** The south has an old computer: it takes 0.6 s. */
async function countShelves(warehouse) {
  const delay = warehouse === 'south' ? 0.6 : 0;
  const { rows } = await database.query(
    'SELECT count(*)::int, pg_sleep($2)::text FROM shelves WHERE warehouse = $1',
    [warehouse, delay],
  );
  return rows[0].count;
}

function replyAfter(delayMs, response, statusCode, body) {
  const timer = setTimeout(() => {
    response.writeHead(statusCode, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }, delayMs);
  response.on('close', () => clearTimeout(timer));
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://stock');
  const [, route, item = ''] = url.pathname.split('/');
  if (route === 'stock') countItems(item, url.searchParams.get('warehouse'), response);
  else if (route === 'reservations') reserveItem(item, response);
  else if (route === 'inventory' && database) {
    takeInventory(item, response).catch((error) => replyAfter(0, response, 500, { error: error.message }));
  } else response.writeHead(404).end();
});

server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => database?.end());
    setTimeout(stopWaiting, Number(DRAIN_LIMIT_MS)).unref();
  });
}

/** A deploy does not wait for ever: what is still in flight is cut. */
function stopWaiting() {
  process.exit();
}
