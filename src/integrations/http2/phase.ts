/** How far a stream is. Asked only when it is cancelled. */
import { isIP } from 'node:net';
import { http2 } from '../../hook/built-ins.ts';
import type { ClientPhase, ServerPhase } from '../../operation/evidence.ts';
import type { Exchange } from './exchange.ts';
import type { Stream, Transport } from './internals.ts';

export function clientPhaseOf(stream: Stream, exchange: Exchange): ClientPhase {
  if (exchange.status !== undefined) return 'receive';
  if (stream.pending) {
    const { transport } = exchange.connection;
    if (transport?.connecting) return isResolving(transport) ? 'dns' : 'connect';
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

/** A TCP handle has no local address until connect() was called on it, which is when the address is known. */
function isResolving(transport: Transport): boolean {
  const { _handle: handle } = transport;
  const { _host: host } = transport as { readonly _host?: string };
  if (typeof host === 'string' && isIP(host) !== 0) return false;
  return typeof handle?.getsockname === 'function' && handle.getsockname({}) !== 0;
}
