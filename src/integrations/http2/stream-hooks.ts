/** Where the end of a stream is seen: close(), the peer's reset, destroy(), and what a client receives. */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { decide } from './decision.ts';
import { endedByClose, endedByDestroy, endedByPeer } from './ending.ts';
import type { Exchange } from './exchange.ts';
import { kExchange, type Stream } from './internals.ts';
import { watchLimits } from './limit-hooks.ts';
import { streamPrototypeOf } from './prototypes.ts';
import { settleStream } from './settlement.ts';
import { emitOnStream } from './stream-events.ts';

/** The first stream shows the class of all: there is no other way to it. */
export class StreamHooks {
  readonly #host: Host;
  readonly #installation: Installation;
  #undos: Undo[] | undefined;

  constructor(host: Host, installation: Installation) {
    this.#host = host;
    this.#installation = installation;
  }

  /** Before anybody can end the stream, unless it has ended already. */
  follow(stream: Stream, exchange: Exchange): void {
    stream[kExchange] = exchange;
    if (this.#undos !== undefined) return;
    this.#undos = [];
    const prototype = streamPrototypeOf(stream);
    this.#undos.push(
      watchClose(this.#host, this.#installation, prototype),
      watchDestroy(this.#host, this.#installation, prototype),
      watchEvents(this.#host, this.#installation, prototype),
      watchLimits(this.#host, this.#installation, prototype, (target) => (target as Stream)[kExchange]),
    );
  }

  undo(): void {
    undoAll(this.#undos ?? []);
  }
}

// Each replacement is written as a method, like what it replaces: no prototype property, no constructor.

function watchClose(host: Host, installation: Installation, prototype: object): Undo {
  return replaceFunction(prototype, 'close', (original) => {
    const { close } = {
      close(this: Stream, ...args: unknown[]): unknown {
        const exchange = this[kExchange];
        if (exchange === undefined || exchange.isDecided || !installation.isActive || this.closed) {
          return Reflect.apply(original, this, args);
        }
        try {
          const [code = 0, callback] = args;
          // Anything else is refused by the original, and the stream goes on.
          if (isErrorCode(code) && (callback === undefined || typeof callback === 'function')) {
            decide(host, installation, this, exchange, endedByClose(host, this, exchange, code, close));
          }
        } catch (error) {
          installation.fault(error);
        }
        return Reflect.apply(original, this, args);
      },
    };
    return close;
  });
}

function watchDestroy(host: Host, installation: Installation, prototype: object): Undo {
  // Whatever ends a stream calls this in the end. Not _destroy(): there its state cannot be asked for any more.
  return replaceFunction(prototype, 'destroy', (original) => {
    const { destroy } = {
      destroy(this: Stream, ...args: unknown[]): unknown {
        const exchange = this[kExchange];
        if (
          exchange === undefined ||
          exchange.operation.isSettled ||
          this.destroyed ||
          !installation.isActive
        ) {
          return Reflect.apply(original, this, args);
        }
        try {
          if (!exchange.isDecided) {
            const error = args[0] ?? undefined;
            const ending = this.closed
              ? endedByPeer(this, exchange)
              : endedByDestroy(host, this, exchange, error, destroy);
            decide(host, installation, this, exchange, ending);
          }
          settleStream(host, this, exchange);
        } catch (error) {
          installation.fault(error);
        }
        return Reflect.apply(original, this, args);
      },
    };
    return destroy;
  });
}

function watchEvents(host: Host, installation: Installation, prototype: object): Undo {
  return replaceFunction(prototype, 'emit', (original) => {
    const { emit } = {
      emit(this: Stream, ...args: unknown[]): unknown {
        const exchange = this[kExchange];
        if (exchange === undefined || !installation.isActive) return Reflect.apply(original, this, args);
        return emitOnStream(host, installation, original, this, exchange, args);
      },
    };
    return emit;
  });
}

function isErrorCode(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 0 && Number(code) <= 0xffff_ffff;
}
