/** Incoming streams: their start, and the call of whoever handles them. */
import type { IncomingHttpHeaders } from 'node:http2';
import type { Installation } from '../../hook/installation.ts';
import type { AnyFunction } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { connectionOf } from './connection.ts';
import { decide } from './decision.ts';
import { describeIncoming } from './description.ts';
import { endedByPeer } from './ending.ts';
import { Exchange } from './exchange.ts';
import { failureThrown } from './failure.ts';
import { isForGrpcJsServer } from './grpc-js.ts';
import { wrapHandlers } from './handlers.ts';
import type { Session, Stream } from './internals.ts';
import { incomingHeaders } from './request-headers.ts';
import { settleStream } from './settlement.ts';
import type { StreamHooks } from './stream-hooks.ts';

/**
 * Emits a session's 'stream' in the context of its operation. The server's 'stream' and, of the
 * compatibility API, 'request' are emitted by a listener of it.
 */
export function emitIncoming(
  host: Host,
  installation: Installation,
  original: AnyFunction,
  session: Session,
  args: unknown[],
  streamHooks: StreamHooks,
): unknown {
  const stream = args[1] as Stream;
  let exchange: Exchange | undefined;
  try {
    exchange = begin(host, installation, session, stream, args[2] as IncomingHttpHeaders);
    if (exchange !== undefined) {
      streamHooks.follow(stream, exchange);
      wrapHandlers(host, installation, session);
    }
  } catch (error) {
    installation.fault(error);
  }
  if (exchange === undefined) return Reflect.apply(original, session, args);
  try {
    return host.run(exchange.operation, original, session, args);
  } catch (thrown) {
    try {
      exchange.failure = failureThrown(thrown);
      settleStream(host, stream, exchange);
    } catch (error) {
      installation.fault(error);
    }
    throw thrown;
  }
}

function begin(
  host: Host,
  installation: Installation,
  session: Session,
  stream: Stream,
  headers: IncomingHttpHeaders,
): Exchange | undefined {
  if (headers[':method'] === 'CONNECT' || host.isSuppressed()) return undefined;
  if (isForGrpcJsServer(session, headers)) return undefined;
  const connection = connectionOf(session);
  connection.learnPeer();
  const operation = host.start(describeIncoming(headers, connection), host.extract(headers, incomingHeaders));
  const exchange = new Exchange(operation, connection, undefined);
  host.readDeadline(operation, headers);
  if (stream.closed) {
    // Reset in the same packet: the handler is called all the same.
    decide(host, installation, stream, exchange, endedByPeer(stream, exchange));
    settleStream(host, stream, exchange);
  }
  return exchange;
}
