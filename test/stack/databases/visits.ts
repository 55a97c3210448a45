/** Requests whose clients leave, and what becomes of their handlers. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

type Handler = () => Promise<unknown>;

/** What the handler came to, be it an error. */
export type Visit = {
  readonly result: Promise<unknown>;
  /** The client is gone. Resolves when the server knows. */
  leave(): Promise<void>;
};

export class Visits {
  readonly #server = http.createServer((request, response) => {
    const visit = this.#visits.get(request.url ?? '');
    this.#visits.delete(request.url ?? '');
    response.once('close', () => visit?.left());
    void visit?.handler().then((value) => {
      visit.settle(value);
      response.end();
    }, visit.settle);
  });
  readonly #visits = new Map<string, { handler: Handler; settle(value: unknown): void; left(): void }>();
  readonly #agent = new http.Agent({ keepAlive: true });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  close(): void {
    this.#agent.destroy();
    this.#server.close().closeAllConnections();
  }

  visit(handler: Handler): Visit {
    const path = `/${randomUUID()}`;
    let settle = (_value: unknown): void => {};
    let left = (): void => {};
    const result = new Promise<unknown>((resolve) => {
      settle = resolve;
    });
    const isLeft = new Promise<void>((resolve) => {
      left = resolve;
    });
    this.#visits.set(path, { handler, settle, left });
    const { port } = this.#server.address() as AddressInfo;
    const request = http.get({ port, host: '127.0.0.1', path, agent: this.#agent }, (answer) =>
      answer.resume(),
    );
    request.on('error', () => {});
    return {
      result,
      leave: async () => {
        request.destroy();
        await isLeft;
      },
    };
  }
}
