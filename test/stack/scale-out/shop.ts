/**
 * The server of the workload, in a process of its own: `shop.ts <OTLP/HTTP URL>`. Prints its URL; ends with its stdin.
 * Which spans each route leaves stands with the visits in visitor.ts.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startTelemetry } from './telemetry.ts';

/** Longer than the samplers of the tests wait with a decision. */
const workOnMs = 8_000;
/** Longer than the visitor who asks has told the shop to take. */
const slowMs = 200;

/** Handlers that outlive the cancel of their request. */
const atWork: Promise<unknown>[] = [];
const sendAll = startTelemetry('shop', process.argv[2] ?? '');
const server = http.createServer((request, response) => {
  switch (request.url) {
    case '/done':
      response.end('done');
      break;
    case '/held': // until nobody listens any more
      response.write('something');
      response.on('close', () => response.end());
      break;
    case '/works-on':
      response.write('something');
      response.on('close', () => atWork.push(delay(workOnMs).then(() => response.end())));
      break;
    case '/slow':
      setTimeout(() => response.end('done'), slowMs);
      break;
    case '/asks': // forgets the time limit that it was given, and what it asks takes longer
      http.get(`${url}/slow`, (answer) => answer.resume().on('end', () => response.end()));
      break;
  }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
process.stdout.write(`${url}\n`);
process.stdin.resume().on('end', async () => {
  await Promise.all(atWork);
  await sendAll();
  process.exit();
});
