/** Requests whose clients leave, and what becomes of their handlers. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

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

/** Visits whose handlers ask a database. */
export class Queries {
  readonly #visits: Visits;
  readonly #running: (part?: string) => Promise<number>;

  /** @param running how many queries the server runs whose text has this part, or that by which the test's own are known */
  constructor(visits: Visits, running: (part?: string) => Promise<number>) {
    this.#visits = visits;
    this.#running = running;
  }

  async untilRunning(count: number, part?: string): Promise<void> {
    const giveUpAt = Date.now() + 5_000;
    while ((await this.#running(part)) !== count) {
      if (Date.now() > giveUpAt) throw new Error(`${await this.#running(part)} queries run, not ${count}`);
      await delay(5);
    }
  }

  /** The client leaves as soon as the server runs the query. */
  async leftWhileRunning(handler: Handler): Promise<unknown> {
    // A server lists a query a little longer than it runs.
    await this.untilRunning(0);
    const visit = this.#visits.visit(handler);
    await this.untilRunning(1);
    await visit.leave();
    return await visit.result;
  }
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
