/** How far an outgoing request is. Asked only when it is cancelled. */
import { isResolving } from '../../hook/connecting-socket.ts';
import type { ClientPhase } from '../../operation/evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest } from './internals.ts';

export function phaseOf(request: OutgoingRequest, exchange: ClientExchange): ClientPhase {
  if (request.res) return 'receive';
  const socket = request.socket ?? exchange.socket;
  if (!socket) return 'queued';
  if (socket.connecting) return isResolving(socket, request.host) ? 'dns' : 'connect';
  if (socket.secureConnecting) return 'tls';
  return request.writableFinished ? 'wait' : 'send';
}
