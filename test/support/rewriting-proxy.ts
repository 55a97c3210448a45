/**
 * A proxy for HTTP/2 that takes a header away, or puts another value in its place. To be run as a process of its
 * own, where nothing is instrumented: `node --import tsx rewriting-proxy.ts <port> <header> [value]`.
 */
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';

const [port, header = '', value] = process.argv.slice(2);
const upstream = http2.connect(`http://127.0.0.1:${port}`);
const server = http2.createServer();
server.on('stream', (incoming, headers) => {
  const given = { ...headers };
  delete given[header];
  if (value !== undefined) given[header] = value;
  const outgoing = upstream.request(given);
  let trailers: http2.OutgoingHttpHeaders = {};
  outgoing.on('response', (answer) => incoming.respond(answer, { waitForTrailers: true }));
  outgoing.on('trailers', (received) => {
    trailers = received;
  });
  incoming.on('wantTrailers', () => incoming.sendTrailers(trailers));
  incoming.on('error', () => {}).pipe(outgoing.on('error', () => {}));
  outgoing.pipe(incoming);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
