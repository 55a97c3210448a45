import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { SpanSample, Usage } from './messages.ts';
import type { Role } from './plan.ts';

interface DatadogSpan {
  readonly name: string;
  readonly resource: string;
  readonly error: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What one process with dd-trace sends to: answers as Datadog's agent does, counts and drops. */
export class Agent {
  readonly #server: Server;
  readonly #role: Role;
  readonly #decode: (body: Buffer) => unknown;
  #traces = 0;
  #last: Buffer | undefined;

  private constructor(role: Role, vendors: string) {
    this.#role = role;
    this.#decode = createRequire(join(vendors, 'index.js'))('@msgpack/msgpack').decode;
    this.#server = createServer(async (request, response) => {
      const body = await buffer(request);
      const traces = Number(request.headers['x-datadog-trace-count'] ?? 0);
      this.#traces += traces;
      if (traces > 0) this.#last = body;
      response.setHeader('content-type', 'application/json').end('{"rate_by_service":{}}');
    });
  }

  /** @param vendors folder of node_modules that has a decoder */
  static async start(role: Role, vendors = ''): Promise<Agent> {
    const agent = new Agent(role, vendors);
    await new Promise<void>((resolve) => agent.#server.listen(0, '127.0.0.1', resolve));
    return agent;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A trace is what one process has of it: here, one operation. */
  counted(usage: Usage): Usage {
    const spans = this.#traces;
    this.#traces = 0;
    const sample = this.#sample();
    return { ...usage, spans, ...(sample && { sample }) };
  }

  #sample(): SpanSample | undefined {
    if (this.#last === undefined) return undefined;
    const [spans = []] = this.#decode(this.#last) as DatadogSpan[][];
    // The outermost: the connection, and the stream of a call, have spans of that kind as well.
    const span = spans.find(({ meta }) => meta['span.kind'] === this.#role);
    if (span === undefined) return undefined;
    const { name, resource, error, meta, metrics } = span;
    const attributes = { ...meta, ...metrics, '(error)': error, '(resource)': resource };
    return { role: this.#role, name, attributes, events: [] };
  }

  close(): void {
    this.#server.close().closeAllConnections();
  }
}
