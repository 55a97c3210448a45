/** A server's handlers, of either API: what they return says how long they are at work. */
import type { EventEmitter } from 'node:events';
import type { Installation } from '../../hook/installation.ts';
import { type CallListener, wrapListeners } from '../../hook/server-listeners.ts';
import type { Host } from '../../integration.ts';
import type { Exchange } from './exchange.ts';
import { kExchange, type Session, type Stream } from './internals.ts';

const kWrapped: unique symbol = Symbol('opentelemetry.cancellation.http2.wrapped');

export function wrapHandlers(host: Host, installation: Installation, { server }: Session): void {
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
