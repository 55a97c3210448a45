/**
 * Node emits the events of an incoming request in the context of its connection, which knows nothing of
 * the operation: a handler that reads the body first would lose its span. The official instrumentation
 * binds the request and the response; for a span of ours the same is done without a trace on them, and
 * only from the first such span on, because it costs something for every chunk of every message.
 */
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { kServerExchange, type Listened, type Message } from './internals.ts';

export class EventContext {
  readonly #host: Host;
  readonly #installation: Installation;
  #undo: Undo | undefined;

  constructor(host: Host, installation: Installation) {
    this.#host = host;
    this.#installation = installation;
  }

  ensure(): void {
    this.#undo ??= this.#install(this.#host, this.#installation);
  }

  undo(): void {
    this.#undo?.();
  }

  #install(host: Host, installation: Installation): Undo {
    const heard = installation.guard(isHeard);
    return replaceFunction(http.IncomingMessage.prototype, 'emit', (original) => {
      const { emit } = {
        emit(this: Message, ...args: unknown[]): unknown {
          const exchange = this[kServerExchange];
          if (!exchange?.operation.ownsSpan || !heard(this, args[0]) || !installation.isActive) {
            return Reflect.apply(original, this, args);
          }
          return host.run(exchange.operation, original, this, args);
        },
      };
      return emit;
    });
  }
}

/** An event that nobody listens to needs no context, and most have no listener. */
export function isHeard(message: Listened, event: unknown): boolean {
  // An error is also told to the listeners of events.errorMonitor.
  return event === 'error' || message._events?.[event as string] !== undefined;
}
