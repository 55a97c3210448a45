/**
 * A shop that asks its stock, in a process of its own, with a limit of a second: node program.mjs WHAT
 *
 *   blocked-client   the shop is busy when the answer comes
 *   blocked-server   the stock is busy while it has the request
 *   slow             the stock waits for a timer
 *   slow-behind      the stock asks a warehouse, in the same process, that waits for a timer
 *   late-wire        somebody in between holds each byte back
 *   fine             nothing of that
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 1_000;
const what = process.argv[2];

function hashFor(ms) {
  const endMs = performance.now() + ms;
  let text = '';
  while (performance.now() < endMs) text = createHash('sha256').update(text).digest('hex');
  return text;
}

/** Each byte after that time. */
async function lateWire(port, ms) {
  const server = net.createServer((from) => {
    const to = net.connect(port, '127.0.0.1');
    for (const [one, other] of [
      [from, to],
      [to, from],
    ]) {
      one.on('data', (bytes) => setTimeout(() => other.write(bytes), ms));
      one.on('error', () => {}).on('close', () => setTimeout(() => other.destroy(), 2 * ms));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.address().port;
}

async function answer(request, response) {
  const { port } = request.socket.address();
  if (what === 'blocked-server') hashFor(1.5 * LIMIT_MS);
  if (what === 'slow' || request.url === '/warehouse') await delay(1.5 * LIMIT_MS);
  else if (what === 'slow-behind') await (await fetch(`http://127.0.0.1:${port}/warehouse`)).text();
  else await delay(20);
  response.end('7');
}

if (process.send === undefined) {
  const env = { ...process.env, OTEL_SERVICE_NAME: 'stock' };
  const stock = fork(process.argv[1], [what], { env });
  let [port] = await once(stock, 'message');
  if (what === 'late-wire') port = await lateWire(port, 0.6 * LIMIT_MS);
  await delay(500); // until nothing is loaded any more
  const asked = fetch(`http://127.0.0.1:${port}/stock`, { signal: AbortSignal.timeout(LIMIT_MS) });
  // Timers are looked at before what has come: the limit first.
  if (what === 'blocked-client') setTimeout(() => setImmediate(() => hashFor(1.5 * LIMIT_MS)), 10);
  console.log(
    await asked.then(
      (response) => response.text(),
      (error) => error.name,
    ),
  );
  await delay(1.2 * LIMIT_MS); // the stock may have something to tell
  stock.disconnect();
  await once(stock, 'exit');
  process.exit();
}
const server = http.createServer(answer).listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());
