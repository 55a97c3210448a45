/** Where incoming streams are seen, and the call of whoever handles them. */
import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import type { Installation } from '../../hook/installation.ts';
import type { AnyFunction } from '../../hook/replace.ts';
import { type CallListener, wrapListeners } from '../../hook/server-listeners.ts';
import type { Host } from '../../host.ts';
import type { Exchange } from './exchange.ts';
import { failureThrown } from './failure.ts';
import { kExchange, type Session, type Stream } from './internals.ts';
import { beginIncoming } from './server.ts';
import { settleStream } from './stream.ts';
import type { StreamHooks } from './stream-hooks.ts';

const kWrapped: unique symbol = Symbol('opentelemetry.cancellation.http2.wrapped');

/**
 * Emits a session's 'stream' in the context of its operation. The server's 'stream' and, of the
 * compatibility API, 'request' are emitted by a listener of it.
 */
export class Incoming {
  readonly #host: Host;
  readonly #begin: (session: Session, args: unknown[]) => Exchange | undefined;
  readonly #failed: (stream: Stream, exchange: Exchange, thrown: unknown) => void;

  constructor(host: Host, installation: Installation, streamHooks: StreamHooks) {
    this.#host = host;
    this.#begin = installation.guard((session, args) => {
      const stream = args[1] as Stream;
      const exchange = beginIncoming(host, installation, session, stream, args[2] as IncomingHttpHeaders);
      if (exchange === undefined) return undefined;
      streamHooks.follow(stream, exchange);
      wrapHandlers(host, installation, session);
      return exchange;
    });
    this.#failed = installation.guard((stream, exchange, thrown) => {
      exchange.failure = failureThrown(thrown);
      settleStream(host, stream, exchange);
    });
  }

  emit(original: AnyFunction, session: Session, args: unknown[]): unknown {
    const exchange = this.#begin(session, args);
    if (exchange === undefined) return Reflect.apply(original, session, args);
    try {
      return this.#host.run(exchange.operation, original, session, args);
    } catch (thrown) {
      this.#failed(args[1] as Stream, exchange, thrown);
      throw thrown;
    }
  }
}

/** A server's handlers, of either API: what they return says how long they are at work. */
function wrapHandlers(host: Host, installation: Installation, { server }: Session): void {
  if (server === undefined) return;
  const handed = installation.guard(exchangeOf);
  const answered = installation.guard((given: unknown) => {
    const response = given as { readonly stream?: unknown } | undefined;
    // Of HTTP/1, it has no stream.
    const exchange = exchangeOf(response?.stream);
    if (exchange !== undefined) exchange.operation.answer = response;
    return exchange;
  });
  const callStreamListener: CallListener<EventEmitter> = (listener, emitter, args) => {
    const exchange = handed(args[0]);
    if (exchange === undefined) return Reflect.apply(listener, emitter, args);
    return host.run(exchange.operation, listener, emitter, args);
  };
  const callRequestListener: CallListener<EventEmitter> = (listener, emitter, args) => {
    const exchange = answered(args[1]);
    if (exchange === undefined) return Reflect.apply(listener, emitter, args);
    return host.run(exchange.operation, listener, emitter, args);
  };
  wrapListeners(server, 'stream', kWrapped, installation, callStreamListener);
  wrapListeners(server, 'request', kWrapped, installation, callRequestListener);
}

function exchangeOf(stream: unknown): Exchange | undefined {
  return typeof stream === 'object' && stream !== null ? (stream as Stream)[kExchange] : undefined;
}
