/** What the hooks see of an incoming request, and what it means for its operation. */
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Message, Response, Transport } from './internals.ts';
import { serverPhaseOf } from './phase.ts';
import { cancelIncoming, settleIncoming } from './server.ts';
import { whyConnectionEnded, whyDestroyedHere } from './server-evidence.ts';
import type { ServerExchange } from './server-exchange.ts';

/** The connection goes away; a response that was written by then is not harmed. @param above the hook */
export function serverSocketDestroyed(
  host: Host,
  response: Response,
  exchange: ServerExchange,
  socket: Transport,
  error: unknown,
  above: StackTop,
): void {
  if (response.writableFinished) return;
  const evidence =
    whyConnectionEnded(response, socket, error) ?? whyDestroyedHere(host, response, socket, error, above);
  if (evidence === undefined) settleIncoming(host, response, exchange, error);
  else cancelIncoming(host, response, exchange, evidence);
}

/** response.destroy(), for the first time. @param above the hook */
export function responseDestroyedHere(
  host: Host,
  response: Response,
  exchange: ServerExchange,
  error: unknown,
  above: StackTop,
): void {
  const { socket } = exchange;
  if (response.writableFinished || !socket || socket.destroyed) return;
  const evidence = whyDestroyedHere(host, response, socket, error, above);
  if (evidence !== undefined) cancelIncoming(host, response, exchange, evidence);
}

/** request.destroy() by the handler; or by Node when the connection is gone. @param above the hook */
export function incomingDestroyed(
  host: Host,
  request: Message,
  exchange: ServerExchange,
  error: unknown,
  above: StackTop,
): void {
  // Read to its end, or detached from the connection by a stream that was done with it: nothing ends here.
  if ((request.readableEnded && request.complete) || !request.socket) return;
  const { response } = exchange;
  if (!request.socket.destroyed) {
    const evidence = whyDestroyedHere(host, response, request.socket, error, above);
    if (evidence !== undefined) cancelIncoming(host, response, exchange, evidence);
  } else if (!response.writableFinished) {
    closedUnfinished(host, response, exchange);
  }
}

/** The response is over: an event that comes last, and alone where the connection is no net.Socket. */
export function responseClosed(host: Host, response: Response, exchange: ServerExchange): void {
  if (response.writableFinished) settleIncoming(host, response, exchange, undefined);
  else closedUnfinished(host, response, exchange);
}

function closedUnfinished(host: Host, response: Response, exchange: ServerExchange): void {
  const { socket } = exchange;
  const evidence = socket && whyConnectionEnded(response, socket, socket.errored);
  cancelIncoming(host, response, exchange, evidence ?? { kind: 'peer-gone', phase: serverPhaseOf(response) });
}
