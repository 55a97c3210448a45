/**
 * Next.js makes the SERVER span of a request by itself, later than any hook of ours: in its router, when it has found
 * out what to run. So a request to it is only kept in mind, until its tracer is asked for that span.
 *
 * Limitations. What Next.js makes no span of, such as its static files, has none. A server of the application's own that
 * hands requests to Next.js is not recognised: there ours is the outer span, and that of Next.js is in it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Server } from 'node:http';
import {
  type ProxyTracerProvider,
  SpanKind,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
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
  readonly #adopt: Adopt;
  /** Not in the context of OpenTelemetry: that one starts anew after a middleware. */
  readonly #current = new AsyncLocalStorage<Request>();
  #undos: Undo[] = [];
  #provider: TracerProvider | undefined;

  constructor(host: Host, installation: Installation, adopt: Adopt) {
    this.#host = host;
    this.#installation = installation;
    this.#adopt = adopt;
  }

  run(listener: AnyFunction, server: Server, args: unknown[]): unknown {
    try {
      this.#watchProvider();
    } catch (error) {
      this.#installation.fault(error);
    }
    const [request, response] = args as [Message, Response];
    return this.#current.run({ request, response }, () => Reflect.apply(listener, server, args));
  }

  undo(): void {
    undoAll(this.#undos);
    this.#undos = [];
    this.#provider = undefined;
  }

  /** Next.js asks for its tracer every time. */
  #watchProvider(): void {
    const proxy = trace.getTracerProvider();
    const provider = (proxy as Partial<ProxyTracerProvider>).getDelegate?.() ?? proxy;
    if (provider === this.#provider) return;
    this.undo();
    this.#provider = provider;
    const watched = new WeakSet<Tracer>();
    const watch = (tracer: Tracer): void => {
      if (watched.has(tracer) || !this.#installation.isActive) return;
      watched.add(tracer);
      this.#undos.push(this.#watchTracer(tracer));
    };
    const undo = replaceFunction(provider, 'getTracer', (original) => {
      const installation = this.#installation;
      const { getTracer } = {
        getTracer(this: unknown, ...args: unknown[]): unknown {
          const tracer: unknown = Reflect.apply(original, this, args);
          if (!NEXT_SCOPES.includes(args[0] as string)) return tracer;
          try {
            watch(tracer as Tracer);
          } catch (error) {
            installation.fault(error);
          }
          return tracer;
        },
      };
      return getTracer;
    });
    this.#undos.push(undo);
  }

  #watchTracer(tracer: Tracer): Undo {
    return replaceFunction(tracer, 'startActiveSpan', (original) => {
      const started = (fn: AnyFunction): AnyFunction => this.#started(fn);
      const { startActiveSpan } = {
        startActiveSpan(this: unknown, ...args: unknown[]): unknown {
          const [name, options, fn] = args as [string, { readonly kind?: SpanKind } | undefined, AnyFunction];
          const isServer = args.length === 3 && options?.kind === SpanKind.SERVER && typeof fn === 'function';
          return Reflect.apply(original, this, isServer ? [name, options, started(fn)] : args);
        },
      };
      return startActiveSpan;
    });
  }

  /** What is called with the span, in its context. */
  #started(fn: AnyFunction): AnyFunction {
    const current = this.#current.getStore();
    if (current === undefined || !this.#installation.isActive) return fn;
    return (...args) => {
      let operation: Operation | undefined;
      try {
        operation = this.#adopt(this.#host, current.request, current.response);
      } catch (error) {
        this.#installation.fault(error);
      }
      return operation === undefined ? fn(...args) : this.#host.run(operation, fn, undefined, args);
    };
  }
}
