/** Where incoming requests are seen: started, handed to the application, destroyed, closed. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { http, https } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type AnyFunction, type Undo, undoAll } from '../../hook/replace.ts';
import { wrapListeners } from '../../hook/server-listeners.ts';
import type { Host } from '../../host.ts';
import { lastingLimitOf } from './deadline.ts';
import { EventContext } from './event-context.ts';
import { watchFastify } from './fastify.ts';
import {
  kClientError,
  kLimit,
  kServerExchange,
  type Limited,
  type Message,
  type Response,
  type Transport,
} from './internals.ts';
import { isNextServer, NextRequests } from './next.ts';
import { watchResponses } from './response-hooks.ts';
import { adoptLate, beginIncoming, settleIncoming } from './server.ts';
import type { ServerExchange } from './server-exchange.ts';

const REQUEST_START = 'http.server.request.start';
const kWrapped: unique symbol = Symbol('opentelemetry.cancellation.http.wrapped');
const kErrorWrapped: unique symbol = Symbol('opentelemetry.cancellation.http.error-wrapped');

export function watchServer(host: Host, installation: Installation): Undo {
  const eventContext = new EventContext(host, installation);
  const nextRequests = new NextRequests(host, installation, adoptLate);
  const undos = [
    watchStart(host, installation, eventContext, nextRequests),
    () => nextRequests.undo(),
    watchResponses(host, installation),
    watchLimit(host, installation, http.Server.prototype),
    // https.Server has one of its own.
    watchLimit(host, installation, https.Server.prototype),
    watchFastify(installation),
    () => eventContext.undo(),
  ];
  return () => undoAll(undos);
}

function watchLimit(host: Host, installation: Installation, prototype: object): Undo {
  return before(prototype, 'setTimeout', installation, (server: Limited, [timeout]: unknown[], above) => {
    server[kLimit] = lastingLimitOf(host, timeout, above);
  });
}

/** Published before 'request' is emitted. Upgrades and CONNECT are not published: they are no operations. */
function watchStart(
  host: Host,
  installation: Installation,
  eventContext: EventContext,
  nextRequests: NextRequests,
): Undo {
  const onStart = installation.guard((message: unknown): void => {
    if (!installation.isActive) return;
    const { server } = message as { readonly server: Server };
    host.noticeVendors();
    wrapListeners(server, 'request', kWrapped, installation, callListener);
    // Who listens ends the connection himself, by a call that says nothing of the error.
    wrapListeners(server, 'clientError', kErrorWrapped, installation, callErrorListener);
  });

  function callListener(listener: AnyFunction, server: Server, args: unknown[]): unknown {
    const exchange = exchangeOf(server, args[0] as Message, args[1] as Response);
    if (exchange == null) {
      return isOfNext(server)
        ? nextRequests.run(listener, server, args)
        : Reflect.apply(listener, server, args);
    }
    try {
      return host.run(exchange.operation, listener, server, args);
    } catch (thrown) {
      failed(exchange, thrown);
      throw thrown;
    }
  }

  const noteError = installation.guard((socket: Transport, error: unknown): void => {
    socket[kClientError] = error;
  });

  function callErrorListener(listener: AnyFunction, server: Server, args: unknown[]): unknown {
    noteError(args[1] as Transport, args[0]);
    return Reflect.apply(listener, server, args);
  }

  const isOfNext = installation.guard(isNextServer);

  const exchangeOf = installation.guard(
    (server: Server, request: Message, response: Response): ServerExchange | null => {
      const known = response?.[kServerExchange];
      if (known !== undefined) return known;
      // Whoever emits 'request' may do so with anything; HTTP/2 does, too, on servers that speak both.
      if (!((response as unknown) instanceof http.ServerResponse)) return null;
      const exchange = beginIncoming(host, server, request, response);
      if (exchange?.operation.ownsSpan) eventContext.ensure();
      return exchange;
    },
  );

  const failed = installation.guard((exchange: ServerExchange, thrown: unknown): void => {
    settleIncoming(host, exchange.response, exchange, thrown ?? new Error(String(thrown)));
  });

  subscribe(REQUEST_START, onStart);
  return () => unsubscribe(REQUEST_START, onStart);
}
