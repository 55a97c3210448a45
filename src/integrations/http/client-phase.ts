/** How far an outgoing request is. Asked only when it is cancelled. */
import { isIP } from 'node:net';
import type { ClientPhase } from '../../operation/evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest, Transport } from './internals.ts';

export function phaseOf(request: OutgoingRequest, exchange: ClientExchange): ClientPhase {
  if (request.res) return 'receive';
  const socket = request.socket ?? exchange.socket;
  if (!socket) return 'queued';
  if (socket.connecting) return isResolving(request, socket) ? 'dns' : 'connect';
  if (socket.secureConnecting) return 'tls';
  return request.writableFinished ? 'wait' : 'send';
}

/** A TCP handle has no local address until connect() was called on it, which is when the address is known. */
function isResolving(request: OutgoingRequest, socket: Transport): boolean {
  if (isIP(request.host) !== 0) return false;
  const handle = socket._handle;
  return typeof handle?.getsockname === 'function' && handle.getsockname({}) !== 0;
}
