import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** An OTLP/HTTP receiver that takes everything and keeps account of it. */
export class Sink {
  readonly url: string;
  bytes = 0;
  spans = 0;
  largestBody = '';
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', async (request: http.IncomingMessage, response: http.ServerResponse) => {
      const body = await buffer(request);
      this.bytes += body.length;
      const text = body.toString();
      if (text.length > this.largestBody.length) this.largestBody = text;
      this.spans += text.split('"startTimeUnixNano":').length - 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }

  static async start(): Promise<Sink> {
    // The services idle in turns.
    const server = http.createServer({ keepAliveTimeout: 600_000 }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Sink(server);
  }

  /** The batch processor's forceFlush() does not wait for an export that is under way already. */
  async received(spans: number): Promise<void> {
    const giveUpAt = Date.now() + 10_000;
    while (this.spans < spans) {
      if (Date.now() > giveUpAt) throw new Error(`${this.spans} of ${spans} spans arrived`);
      await sleep(10);
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
