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
export class Incoming {
  readonly #host: Host;
  readonly #begin: (session: Session, args: unknown[]) => Exchange | undefined;
  readonly #failed: (stream: Stream, exchange: Exchange, thrown: unknown) => void;

  constructor(host: Host, installation: Installation, streamHooks: StreamHooks) {
    this.#host = host;
    this.#begin = installation.guard((session, args) => {
      const stream = args[1] as Stream;
      const exchange = begin(host, installation, session, stream, args[2] as IncomingHttpHeaders);
      if (exchange === undefined) return undefined;
      streamHooks.follow(stream, exchange);
      wrapHandlers(host, installation, session);
      return exchange;
    });
    this.#failed = installation.guard((stream, exchange, thrown) => {
      exchange.failure = failureThrown(thrown);
      settleStream(host, stream, exchange);
    });
  }

  emit(original: AnyFunction, session: Session, args: unknown[]): unknown {
    const exchange = this.#begin(session, args);
    if (exchange === undefined) return Reflect.apply(original, session, args);
    try {
      return this.#host.run(exchange.operation, original, session, args);
    } catch (thrown) {
      this.#failed(args[1] as Stream, exchange, thrown);
      throw thrown;
    }
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
