/** Events of a stream, before anybody hears of them. */
import type { Installation } from '../../hook/installation.ts';
import { type AnyFunction, replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { whilePassing } from './deadline.ts';
import { errorStatusOf } from './description.ts';
import { whyEndedByPeer } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { kExchange, type Stream } from './internals.ts';
import { decide } from './stream.ts';

export function watchStreamEvents(host: Host, installation: Installation, prototype: object): Undo {
  const see = installation.guard((stream: Stream, exchange: Exchange, event: unknown, value: unknown) => {
    if (exchange.connection.isClient) {
      if (event === 'response') responded(host, stream, exchange, value);
    } else if (event === 'aborted' && !exchange.isDecided) {
      // Before the application, whose reaction is to be seen as a consequence of this cancel.
      decide(host, installation, stream, exchange, whyEndedByPeer(stream, exchange));
    }
  });
  return replaceFunction(prototype, 'emit', (original) => {
    const { emit } = {
      emit(this: Stream, ...args: unknown[]): unknown {
        const exchange = this[kExchange];
        if (exchange === undefined || !installation.isActive) return Reflect.apply(original, this, args);
        const [event] = args;
        if (event === 'response' || event === 'aborted') see(this, exchange, event, args[1]);
        if (event !== 'timeout') return emitInContext(host, original, this, exchange, args);
        const emitNow = (): unknown => emitInContext(host, original, this, exchange, args);
        return whilePassing(exchange.limit, emitNow);
      },
    };
    return emit;
  });
}

/**
 * Node emits the events of an incoming stream in the context of the connection, which knows nothing of the
 * operation: a handler that reads the body first would lose it. Outgoing ones keep the caller's context.
 */
function emitInContext(
  host: Host,
  original: AnyFunction,
  stream: Stream,
  exchange: Exchange,
  args: unknown[],
): unknown {
  if (exchange.connection.isClient) return Reflect.apply(original, stream, args);
  return host.run(exchange.operation, original, stream, args);
}

function responded(host: Host, stream: Stream, exchange: Exchange, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  const phase = stream.writableFinished ? 'wait' : 'send';
  exchange.status = Number((headers as Readonly<Record<string, unknown>>)[':status']);
  exchange.connection.learnPeer();
  const outcome = host.outcomeOfStatus('client', exchange.status);
  if (outcome === undefined) return;
  const errorStatus = errorStatusOf(stream, exchange);
  const evidence = { kind: 'peer-status', outcome, phase, reason: undefined, errorStatus } as const;
  host.cancel(exchange.operation, evidence, exchange.connection.isAliveForClient);
}
