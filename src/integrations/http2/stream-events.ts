/** Events of a stream, before anybody hears of them. */
import type { Installation } from '../../hook/installation.ts';
import type { AnyFunction } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { decide } from './decision.ts';
import { endedByPeer } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';
import { whilePassing } from './limit-hooks.ts';

export function emitOnStream(
  host: Host,
  installation: Installation,
  original: AnyFunction,
  stream: Stream,
  exchange: Exchange,
  args: unknown[],
): unknown {
  const [event] = args;
  const { isClient } = exchange.connection;
  if (isClient ? event === 'response' : event === 'aborted') {
    try {
      if (isClient) responded(host, stream, exchange, args[1]);
      // Before the application, whose reaction is to be seen as a consequence of this cancel.
      else if (!exchange.isDecided)
        decide(host, installation, stream, exchange, endedByPeer(stream, exchange));
    } catch (error) {
      installation.fault(error);
    }
  }
  if (event === 'timeout') {
    return whilePassing(exchange, () => emitInContext(host, original, stream, exchange, args));
  }
  return emitInContext(host, original, stream, exchange, args);
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
  const outcome = host.config.cancelStatusCodes.get(exchange.status);
  if (outcome === undefined) return;
  const evidence = { kind: 'peer-status', outcome, phase, reason: undefined } as const;
  host.cancel(exchange.operation, evidence, exchange.connection.isAliveForClient);
}
