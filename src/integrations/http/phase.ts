/** How far a request is. Asked only when it is cancelled. */
import { isResolving } from '../../hook/connecting-socket.ts';
import type { ClientPhase, ServerPhase } from '../../operation/evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest, Response } from './internals.ts';

export function clientPhaseOf(request: OutgoingRequest, exchange: ClientExchange): ClientPhase {
  if (request.res) return 'receive';
  const socket = request.socket ?? exchange.socket;
  if (!socket) return 'queued';
  if (socket.connecting) return isResolving(socket, request.host) ? 'dns' : 'connect';
  if (socket.secureConnecting) return 'tls';
  return request.writableFinished ? 'wait' : 'send';
}

/** Still being read, being worked on, or being answered. */
export function serverPhaseOf(response: Response): ServerPhase {
  if (response._headerSent) return 'write';
  const { complete, headers } = response.req;
  // Inside of the first listener Node has not noticed yet that there is no body.
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return complete || !hasBody ? 'handle' : 'read';
}
