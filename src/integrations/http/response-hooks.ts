/** Where the end of an incoming request is seen on its response. */
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { isHeard } from './event-context.ts';
import { kServerExchange, type Response } from './internals.ts';
import { responseClosed, responseDestroyedHere } from './server-events.ts';

export function watchResponses(host: Host, installation: Installation): Undo {
  const undos = [
    replaceFunction(http.ServerResponse.prototype, 'emit', (original) => {
      const { emit } = {
        emit(this: Response, ...args: unknown[]): unknown {
          const exchange = this[kServerExchange];
          if (!exchange || !installation.isActive) return Reflect.apply(original, this, args);
          const { operation } = exchange;
          if (args[0] === 'close' && !operation.isSettled) {
            try {
              responseClosed(host, this, exchange);
            } catch (error) {
              installation.fault(error);
            }
          }
          // See EventContext.
          if (operation.ownsSpan && isHeard(this, args[0])) return host.run(operation, original, this, args);
          return Reflect.apply(original, this, args);
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
  ];
  return () => undoAll(undos);
}
