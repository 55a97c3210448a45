// Stock: an HTTP service that knows what lies in which warehouse.
import http from 'node:http';

const { HOST = '127.0.0.1', PORT = '3001', DRAIN_LIMIT_MS = '3000' } = process.env;

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
  else response.writeHead(404).end();
});

server.listen(Number(PORT), HOST, () => {
  console.log(`listening on http://${HOST}:${server.address().port}`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close();
    setTimeout(stopWaiting, Number(DRAIN_LIMIT_MS)).unref();
  });
}

/** A deploy does not wait for ever: what is still in flight is cut. */
function stopWaiting() {
  process.exit();
}
