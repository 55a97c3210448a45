/**
 * Next.js makes the SERVER span of a request by itself, later than any hook of ours: in its router, when it has found
 * out what to run. So a request to it is only kept in mind, until its tracer is asked for that span.
 *
 * Limitations. What Next.js makes no span of, such as its static files, has none. A server of the application's own that
 * hands requests to Next.js is not recognised: there ours is the outer span, and that of Next.js is in it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Server } from 'node:http';
import { SpanKind, type Tracer, type TracerProvider } from '@opentelemetry/api';
import { currentProvider } from '../../global-api.ts';
import type { Installation } from '../../hook/installation.ts';
import { after, before } from '../../hook/observe.ts';
import { type AnyFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Message, Response } from './internals.ts';
import { NEXT_SCOPES } from './official.ts';

const kIsNext: unique symbol = Symbol('opentelemetry.cancellation.http.next');

/** True for the server of `next start`, of `next dev` and of the server.js that `output: 'standalone'` makes. */
export function isNextServer(server: Server & { [kIsNext]?: boolean }): boolean {
  server[kIsNext] ??= isListeningForNext(server);
  return server[kIsNext];
}

/** Next.js says its origin and port in variables once its server listens. */
function isListeningForNext(server: Server): boolean {
  if (process.env.__NEXT_PRIVATE_ORIGIN === undefined) return false;
  const address = server.address();
  return typeof address === 'object' && address !== null && String(address.port) === process.env.PORT;
}

interface Request {
  readonly request: Message;
  readonly response: Response;
}

/** Takes the span that is active for that of the request, if it is one. */
type Adopt = (host: Host, request: Message, response: Response) => Operation | undefined;

export class NextRequests {
  readonly #host: Host;
  readonly #installation: Installation;
  readonly #adopt: (request: Message, response: Response) => Operation | undefined;
  readonly #watchProvider: () => void;
  /** Not in the context of OpenTelemetry: that one starts anew after a middleware. */
  readonly #current = new AsyncLocalStorage<Request>();
  #undos: Undo[] = [];
  #provider: TracerProvider | undefined;

  constructor(host: Host, installation: Installation, adopt: Adopt) {
    this.#host = host;
    this.#installation = installation;
    this.#adopt = installation.guard((request, response) => adopt(host, request, response));
    this.#watchProvider = installation.guard(() => this.#watch(currentProvider()));
  }

  run(listener: AnyFunction, server: Server, args: unknown[]): unknown {
    this.#watchProvider();
    const [request, response] = args as [Message, Response];
    return this.#current.run({ request, response }, () => Reflect.apply(listener, server, args));
  }

  undo(): void {
    undoAll(this.#undos);
    this.#undos = [];
    this.#provider = undefined;
  }

  /** Next.js asks for its tracer every time. */
  #watch(provider: TracerProvider): void {
    if (provider === this.#provider) return;
    this.undo();
    this.#provider = provider;
    const watched = new WeakSet<Tracer>();
    const undo = after(provider, 'getTracer', this.#installation, (_, [name]: [string], result) => {
      const tracer = result as Tracer;
      if (!NEXT_SCOPES.includes(name) || watched.has(tracer)) return;
      watched.add(tracer);
      this.#undos.push(this.#watchTracer(tracer));
    });
    this.#undos.push(undo);
  }

  #watchTracer(tracer: Tracer): Undo {
    return before(tracer, 'startActiveSpan', this.#installation, (_, args: unknown[]) => {
      const [, options, fn] = args as [string, { readonly kind?: SpanKind } | undefined, AnyFunction];
      const isServer = args.length === 3 && options?.kind === SpanKind.SERVER && typeof fn === 'function';
      if (isServer) args[2] = this.#started(fn);
    });
  }

  /** What is called with the span, in its context. */
  #started(fn: AnyFunction): AnyFunction {
    const current = this.#current.getStore();
    if (current === undefined) return fn;
    return (...args) => {
      const operation = this.#adopt(current.request, current.response);
      return operation === undefined ? fn(...args) : this.#host.run(operation, fn, undefined, args);
    };
  }
}
