/** Where outgoing requests are seen: made, given a socket, sent, destroyed, answered, failed, closed. */
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { beginRequest, settleRequest } from './client.ts';
import { setIdleLimit } from './client-deadline.ts';
import { requestDestroyed, requestEmits } from './client-events.ts';
import { kClientExchange, type OutgoingRequest, type Transport } from './internals.ts';
import { requestHeaders } from './propagation.ts';

// Each replacement is written as a method, like what it replaces in newer versions of Node: no prototype property.

export function watchClient(host: Host, installation: Installation): Undo {
  const undos = [
    // Node's agents: synchronous, inside of the constructor of the request.
    replaceFunction(http.Agent.prototype, 'addRequest', (original) => {
      const { addRequest } = {
        addRequest(this: unknown, ...args: unknown[]): unknown {
          const request = args[0] as OutgoingRequest;
          // Anything can be queued by hand; the end of what is no ClientRequest would never be seen.
          if (!installation.isActive || !(request instanceof http.ClientRequest)) {
            return Reflect.apply(original, this, args);
          }
          try {
            beginRequest(host, request, args[1], addRequest);
          } catch (error) {
            installation.fault(error);
          }
          try {
            return Reflect.apply(original, this, args);
          } catch (error) {
            failed(request, error);
            throw error;
          }
        },
      };
      return addRequest;
    }),
    // No agent, and agents that are not Node's.
    replaceFunction(http.ClientRequest.prototype, 'onSocket', (original) => {
      const { onSocket } = {
        onSocket(this: OutgoingRequest, ...args: unknown[]): unknown {
          if (!installation.isActive) return Reflect.apply(original, this, args);
          try {
            beginRequest(host, this, undefined, onSocket);
            const exchange = this[kClientExchange];
            if (exchange) exchange.socket = (args[0] ?? undefined) as Transport | undefined;
          } catch (error) {
            installation.fault(error);
          }
          return Reflect.apply(original, this, args);
        },
      };
      return onSocket;
    }),
    replaceFunction(http.ClientRequest.prototype, '_implicitHeader', (original) => {
      const { _implicitHeader } = {
        _implicitHeader(this: OutgoingRequest, ...args: unknown[]): unknown {
          if (!installation.isActive) return Reflect.apply(original, this, args);
          try {
            beginRequest(host, this, undefined, _implicitHeader);
            const operation = this[kClientExchange]?.operation;
            if (operation?.ownsSpan && this._header === null) host.inject(operation, this, requestHeaders);
          } catch (error) {
            installation.fault(error);
          }
          return Reflect.apply(original, this, args);
        },
      };
      return _implicitHeader;
    }),
    replaceFunction(http.ClientRequest.prototype, 'setTimeout', (original) => {
      const { setTimeout } = {
        setTimeout(this: OutgoingRequest, ...args: unknown[]): unknown {
          const exchange = this[kClientExchange];
          if (exchange && exchange.operation.deadline === undefined && installation.isActive) {
            try {
              const timeoutMs = Number(args[0]);
              if (timeoutMs > 0) setIdleLimit(host, exchange, timeoutMs, setTimeout);
            } catch (error) {
              installation.fault(error);
            }
          }
          return Reflect.apply(original, this, args);
        },
      };
      return setTimeout;
    }),
    replaceFunction(http.ClientRequest.prototype, 'destroy', (original) => {
      const { destroy } = {
        destroy(this: OutgoingRequest, ...args: unknown[]): unknown {
          if (installation.isActive && !this.destroyed && this[kClientExchange] !== null) {
            try {
              requestDestroyed(host, this, args[0], destroy);
            } catch (error) {
              installation.fault(error);
            }
          }
          return Reflect.apply(original, this, args);
        },
      };
      return destroy;
    }),
    replaceFunction(http.ClientRequest.prototype, 'emit', (original) => {
      const { emit } = {
        emit(this: OutgoingRequest, ...args: unknown[]): unknown {
          const exchange = this[kClientExchange];
          if (exchange && !exchange.operation.isSettled && installation.isActive) {
            try {
              requestEmits(host, this, exchange, args[0], args[1]);
            } catch (error) {
              installation.fault(error);
            }
          }
          return Reflect.apply(original, this, args);
        },
      };
      return emit;
    }),
  ];
  return () => undoAll(undos);

  function failed(request: OutgoingRequest, cause: unknown): void {
    try {
      const exchange = request[kClientExchange];
      if (exchange) settleRequest(host, request, exchange, cause);
    } catch (error) {
      installation.fault(error);
    }
  }
}
