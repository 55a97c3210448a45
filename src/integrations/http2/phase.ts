/** How far a stream is. Asked only when it is cancelled. */
import { http2 } from '../../hook/built-ins.ts';
import { isResolving } from '../../hook/connecting-socket.ts';
import type { ClientPhase, ServerPhase } from '../../operation/evidence.ts';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';

export function clientPhaseOf(stream: Stream, exchange: Exchange): ClientPhase {
  if (exchange.status !== undefined) return 'receive';
  if (stream.pending) {
    const { transport } = exchange.connection;
    if (transport?.connecting) return isResolving(transport, transport._host) ? 'dns' : 'connect';
    return transport?.secureConnecting ? 'tls' : 'queued';
  }
  // The peer allows no more streams at once, or the head was not even handed to the connection.
  if (stream.state.state === http2.constants.NGHTTP2_STREAM_STATE_IDLE) return 'queued';
  return stream.writableFinished ? 'wait' : 'send';
}

export function serverPhaseOf(stream: Stream): ServerPhase {
  if (stream.headersSent) return 'write';
  return stream._readableState.ended ? 'handle' : 'read';
}
