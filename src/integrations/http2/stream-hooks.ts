/** Where the end of a stream is seen: close(), the peer's reset, destroy(), and what a client receives. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { watchIdleLimits } from './deadline.ts';
import { whyClosed, whyDestroyed, whyEndedByPeer } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { kExchange, type Stream, streamPrototypeOf } from './internals.ts';
import { cutStream, decide, settleStream } from './stream.ts';
import { watchStreamEvents } from './stream-events.ts';

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
    this.#host.endsWithProcess(exchange.operation, stream, cutStream);
    if (this.#undos !== undefined) return;
    this.#undos = [];
    const prototype = streamPrototypeOf(stream);
    this.#undos.push(
      watchClose(this.#host, this.#installation, prototype),
      watchDestroy(this.#host, this.#installation, prototype),
      watchStreamEvents(this.#host, this.#installation, prototype),
      watchIdleLimits(this.#host, this.#installation, prototype, (target) => (target as Stream)[kExchange]),
    );
  }

  undo(): void {
    undoAll(this.#undos ?? []);
  }
}

function watchClose(host: Host, installation: Installation, prototype: object): Undo {
  return before(prototype, 'close', installation, (stream: Stream, args: unknown[], above) => {
    const exchange = stream[kExchange];
    if (exchange === undefined || exchange.isDecided || stream.closed) return;
    const [code = 0, callback] = args;
    // Anything else is refused by the original, and the stream goes on.
    if (!isErrorCode(code) || (callback !== undefined && typeof callback !== 'function')) return;
    decide(host, installation, stream, exchange, whyClosed(host, stream, exchange, code, above));
  });
}

function watchDestroy(host: Host, installation: Installation, prototype: object): Undo {
  // Whatever ends a stream calls this in the end. Not _destroy(): there its state cannot be asked for any more.
  return before(prototype, 'destroy', installation, (stream: Stream, args: unknown[], above) => {
    const exchange = stream[kExchange];
    if (exchange === undefined || exchange.operation.isSettled || stream.destroyed) return;
    if (!exchange.isDecided) {
      const error = args[0] ?? undefined;
      const ending = stream.closed
        ? whyEndedByPeer(stream, exchange)
        : whyDestroyed(host, stream, exchange, error, above);
      decide(host, installation, stream, exchange, ending);
    }
    settleStream(host, stream, exchange);
  });
}

function isErrorCode(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 0 && Number(code) <= 0xffff_ffff;
}
