/** Incoming streams, from their headers to an operation. */
import type { IncomingHttpHeaders } from 'node:http2';
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import { connectionOf } from './connection.ts';
import { describeIncoming } from './description.ts';
import { whyEndedByPeer } from './evidence.ts';
import { Exchange } from './exchange.ts';
import { isForGrpcJsServer } from './grpc-js.ts';
import type { Session, Stream } from './internals.ts';
import { incomingHeaders } from './propagation.ts';
import { decide, settleStream } from './stream.ts';

/** @returns undefined when the stream is not to be recorded */
export function beginIncoming(
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
    decide(host, installation, stream, exchange, whyEndedByPeer(stream, exchange));
    settleStream(host, stream, exchange);
  }
  return exchange;
}
