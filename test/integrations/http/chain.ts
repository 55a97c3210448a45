/** Plain HTTP servers on loopback that a test makes a chain of. */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const servers: Server[] = [];

export async function serve(handler: RequestListener): Promise<number> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export function closeServers(): void {
  for (const server of servers) server.close().closeAllConnections();
}

/** Resolves when the answer has been read. */
export async function ask(
  port: number,
  headers: Record<string, string | string[]> = {},
): Promise<{ response: IncomingMessage; body: string }> {
  const [response] = (await once(http.get({ port, host: '127.0.0.1', headers }), 'response')) as [
    IncomingMessage,
  ];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { response, body };
}
