/** Where incoming requests are seen: started, handed to the application, destroyed, closed. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import http from 'node:http';
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { kServerExchange, type Message, type RequestServer, type Response } from './internals.ts';
import { wrapRequestListeners } from './request-listeners.ts';
import { beginIncoming, settleIncoming } from './server.ts';
import { responseClosed, responseDestroyedHere } from './server-events.ts';
import type { ServerExchange } from './server-exchange.ts';

const REQUEST_START = 'http.server.request.start';

export function watchServer(host: Host, installation: Installation): Undo {
  const undos = [watchStart(host, installation), ...watchResponses(host, installation)];
  return () => undoAll(undos);
}

/** Published before 'request' is emitted. Upgrades and CONNECT are not published: they are no operations. */
function watchStart(host: Host, installation: Installation): Undo {
  function onStart(message: unknown): void {
    if (!installation.isActive) return;
    try {
      const { server, response } = message as { server: RequestServer; response: Response };
      // Says that the listeners will be called for a request that is really Node's.
      response[kServerExchange] = undefined;
      wrapRequestListeners(server, installation, callListener);
    } catch (error) {
      installation.fault(error);
    }
  }

  function callListener(listener: AnyFunction, server: RequestServer, args: unknown[]): unknown {
    const exchange = exchangeOf(server, args[0] as Message, args[1] as Response);
    if (exchange === null) return Reflect.apply(listener, server, args);
    try {
      return host.run(exchange.operation, listener, server, args);
    } catch (thrown) {
      failed(exchange, thrown);
      throw thrown;
    }
  }

  function exchangeOf(server: RequestServer, request: Message, response: Response): ServerExchange | null {
    // A listener may be called with anything, by whoever emits 'request'; HTTP/2 emits it, too.
    if (typeof response !== 'object' || response === null || !(kServerExchange in response)) return null;
    const known = response[kServerExchange];
    if (known !== undefined) return known;
    response[kServerExchange] = null;
    try {
      response[kServerExchange] = beginIncoming(host, server, request, response);
    } catch (error) {
      installation.fault(error);
    }
    return response[kServerExchange];
  }

  function failed(exchange: ServerExchange, thrown: unknown): void {
    try {
      settleIncoming(host, exchange.response, exchange, thrown ?? new Error(String(thrown)));
    } catch (error) {
      installation.fault(error);
    }
  }

  subscribe(REQUEST_START, onStart);
  return () => unsubscribe(REQUEST_START, onStart);
}

function watchResponses(host: Host, installation: Installation): Undo[] {
  return [
    replaceFunction(http.ServerResponse.prototype, 'emit', (original) => {
      const { emit } = {
        emit(this: Response, ...args: unknown[]): unknown {
          const exchange = this[kServerExchange];
          if (!exchange || !installation.isActive) return Reflect.apply(original, this, args);
          if (args[0] === 'close' && !exchange.operation.isSettled) {
            try {
              responseClosed(host, this, exchange);
            } catch (error) {
              installation.fault(error);
            }
          }
          return emitInContext(host, exchange, original, this, args);
        },
      };
      return emit;
    }),
    replaceFunction(http.ServerResponse.prototype, 'destroy', (original) => {
      const { destroy } = {
        destroy(this: Response, ...args: unknown[]): unknown {
          const exchange = this[kServerExchange];
          if (exchange && !this.destroyed && !exchange.operation.isSettled && installation.isActive) {
            try {
              responseDestroyedHere(host, this, exchange, args[0], destroy);
            } catch (error) {
              installation.fault(error);
            }
          }
          return Reflect.apply(original, this, args);
        },
      };
      return destroy;
    }),
    replaceFunction(http.IncomingMessage.prototype, 'emit', (original) => {
      const { emit } = {
        emit(this: Message, ...args: unknown[]): unknown {
          const exchange = this[kServerExchange];
          if (!exchange || !installation.isActive) return Reflect.apply(original, this, args);
          return emitInContext(host, exchange, original, this, args);
        },
      };
      return emit;
    }),
  ];
}

/**
 * Node emits events of requests and responses in the context of the connection, which knows nothing of
 * the operation: a handler that reads the body first would lose it. The official instrumentation binds
 * the two emitters; for a span of ours the same is done here, with nothing to be seen on them.
 */
function emitInContext(
  host: Host,
  exchange: ServerExchange,
  original: AnyFunction,
  emitter: unknown,
  args: unknown[],
): unknown {
  const { operation } = exchange;
  if (!operation.ownsSpan) return Reflect.apply(original, emitter, args);
  return host.run(operation, original, emitter, args);
}
