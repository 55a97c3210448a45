/** Where the end of an incoming request is seen on its response. */
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { setIdleLimit } from './deadline.ts';
import { isHeard } from './event-context.ts';
import { kServerExchange, type Response } from './internals.ts';
import { responseClosed, responseDestroyedHere } from './server-events.ts';

export function watchResponses(host: Host, installation: Installation): Undo {
  const undos = [
    watchEvents(host, installation),
    before(
      http.ServerResponse.prototype,
      'setTimeout',
      installation,
      (response: Response, [timeout]: unknown[], above) => {
        const exchange = response[kServerExchange];
        if (exchange) setIdleLimit(host, exchange, timeout, above);
      },
    ),
    before(
      http.ServerResponse.prototype,
      'destroy',
      installation,
      (response: Response, [error]: unknown[], above) => {
        const exchange = response[kServerExchange];
        if (exchange && !response.destroyed && !exchange.operation.isSettled) {
          responseDestroyedHere(host, exchange, error, above);
        }
      },
    ),
  ];
  return () => undoAll(undos);
}

function watchEvents(host: Host, installation: Installation): Undo {
  const closed = installation.guard(responseClosed);
  const heard = installation.guard(isHeard);
  return replaceFunction(http.ServerResponse.prototype, 'emit', (original) => {
    const { emit } = {
      emit(this: Response, ...args: unknown[]): unknown {
        const exchange = this[kServerExchange];
        if (!exchange || !installation.isActive) return Reflect.apply(original, this, args);
        const { operation } = exchange;
        if (args[0] === 'close' && !operation.isSettled) closed(host, this, exchange);
        // See EventContext.
        if (operation.ownsSpan && heard(this, args[0])) return host.run(operation, original, this, args);
        return Reflect.apply(original, this, args);
      },
    };
    return emit;
  });
}
