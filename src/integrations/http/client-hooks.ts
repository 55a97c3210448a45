/** Where outgoing requests are seen: made, given a socket, sent, destroyed, answered, failed, closed. */
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { beginRequest, settleRequest } from './client.ts';
import { requestDestroyed, requestEmits } from './client-events.ts';
import { lastingLimitOf, setIdleLimit } from './deadline.ts';
import { kClientExchange, kLimit, type Limited, type OutgoingRequest, type Transport } from './internals.ts';
import { requestHeaders } from './propagation.ts';

interface LimitedAgent extends Limited {
  readonly options?: { readonly timeout?: number };
}

export function watchClient(host: Host, installation: Installation): Undo {
  const { prototype } = http.ClientRequest;
  const undos = [
    watchAgent(host, installation),
    // The first that its constructor calls which can be seen.
    before(http.Agent.prototype, 'on', installation, (agent: LimitedAgent, [event]: unknown[], above) => {
      const timeout = event === 'free' ? agent.options?.timeout : undefined;
      if (timeout) agent[kLimit] ??= lastingLimitOf(host, timeout, above);
    }),
    // No agent, and agents that are not Node's.
    before(prototype, 'onSocket', installation, (request: OutgoingRequest, [socket]: unknown[], above) => {
      beginRequest(host, request, undefined, above);
      const exchange = request[kClientExchange];
      if (exchange) exchange.socket = (socket ?? undefined) as Transport | undefined;
    }),
    before(prototype, '_implicitHeader', installation, (request: OutgoingRequest, _args, above) => {
      beginRequest(host, request, undefined, above);
      const operation = request[kClientExchange]?.operation;
      if (operation?.ownsSpan && request._header === null) host.inject(operation, request, requestHeaders);
    }),
    before(prototype, 'setTimeout', installation, (request: OutgoingRequest, [timeout]: unknown[], above) => {
      const exchange = request[kClientExchange];
      // Node takes none any more when the response is over.
      if (exchange && !request._ended) setIdleLimit(host, exchange, timeout, above);
    }),
    before(prototype, 'destroy', installation, (request: OutgoingRequest, [error]: unknown[], above) => {
      if (!request.destroyed && request[kClientExchange] !== null) {
        requestDestroyed(host, request, error, above);
      }
    }),
    before(prototype, 'emit', installation, (request: OutgoingRequest, [event, value]: unknown[]) => {
      const exchange = request[kClientExchange];
      if (exchange && !exchange.operation.isSettled) requestEmits(host, request, exchange, event, value);
    }),
  ];
  return () => undoAll(undos);
}

/** Node's agents: synchronous, inside of the constructor of the request. */
function watchAgent(host: Host, installation: Installation): Undo {
  const begin = installation.guard(beginRequest);
  const failed = installation.guard((request: OutgoingRequest, cause: unknown) => {
    const exchange = request[kClientExchange];
    if (exchange) settleRequest(host, request, exchange, cause);
  });
  return replaceFunction(http.Agent.prototype, 'addRequest', (original) => {
    const { addRequest } = {
      addRequest(this: unknown, ...args: unknown[]): unknown {
        const request = args[0] as OutgoingRequest;
        // Anything can be queued by hand; the end of what is no ClientRequest would never be seen.
        if (!installation.isActive || !(request instanceof http.ClientRequest)) {
          return Reflect.apply(original, this, args);
        }
        begin(host, request, args[1], addRequest);
        try {
          return Reflect.apply(original, this, args);
        } catch (error) {
          failed(request, error);
          throw error;
        }
      },
    };
    return addRequest;
  });
}
