/** What the hooks see of an incoming request, and what it means for its operation. */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { kClientError, type Message, type Response, type Transport } from './internals.ts';
import { serverPhaseOf } from './phase.ts';
import { endIncoming, settleIncoming } from './server.ts';
import { errorStatusOf } from './server-description.ts';
import {
  limitOfConnection,
  limitOfConnectionPassed,
  whatAnswerSays,
  whyConnectionCut,
  whyConnectionEnded,
  whyDestroyedHere,
} from './server-evidence.ts';
import type { ServerExchange } from './server-exchange.ts';

/** The connection goes away; a response that was written by then is not harmed. @param above the hook */
export function serverSocketDestroyed(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  error: unknown,
  above: StackTop,
): void {
  if (exchange.response.writableFinished) return;
  const ending =
    whyConnectionEnded(host, exchange, socket, error) ??
    whyConnectionCut(host, exchange, socket, error, above);
  endIncoming(host, exchange, ending);
}

/**
 * The last word on a connection is said past the response, by a listener of 'clientError' or 'timeout', a handler, or
 * Node when the client has left: what the response says from now on is lost.
 *
 * @param isAnswer whether there is a word
 * @param above the hook
 */
export function serverSocketEnded(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  isAnswer: boolean,
  above: StackTop,
): void {
  const { response } = exchange;
  if (response.writableEnded) return;
  const ending = whyConnectionEnded(host, exchange, socket, undefined);
  if (ending !== undefined) endIncoming(host, exchange, ending);
  else if (isAnswer) settleIncoming(host, response, exchange, socket[kClientError]);
  else endIncoming(host, exchange, whyConnectionCut(host, exchange, socket, undefined, above));
}

/** The idle limit of the connection has passed. Returns what is to be called when everybody has heard of it. */
export function limitPasses(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
): (() => void) | undefined {
  const { operation, response } = exchange;
  if (operation.isSettled || response.writableEnded) return undefined;
  const phase = serverPhaseOf(response);
  return () => {
    if (operation.isSettled) return;
    if (!response.writableEnded || response.statusCode < 400) {
      operation.limitSetAt = limitOfConnection(exchange, socket)?.stack;
      return;
    }
    // The answer goes on its way, and the operation is over when it has arrived.
    const evidence = limitOfConnectionPassed(host, exchange, socket, phase, undefined);
    host.cancel(operation, { ...evidence, errorStatus: errorStatusOf(response) });
  };
}

/** response.destroy(), for the first time. @param above the hook */
export function responseDestroyedHere(
  host: Host,
  exchange: ServerExchange,
  error: unknown,
  above: StackTop,
): void {
  const { response, socket } = exchange;
  if (response.writableFinished || !socket || socket.destroyed) return;
  endIncoming(host, exchange, whyDestroyedHere(host, exchange, socket, error, above));
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
  if (!request.socket.destroyed) {
    endIncoming(host, exchange, whyDestroyedHere(host, exchange, request.socket, error, above));
  } else if (!exchange.response.writableFinished) {
    closedUnfinished(host, exchange);
  }
}

/** The response is over: an event that comes last, and alone where the connection is no net.Socket. */
export function responseClosed(host: Host, response: Response, exchange: ServerExchange): void {
  if (!response.writableFinished) {
    closedUnfinished(host, exchange);
    return;
  }
  const evidence = whatAnswerSays(host, exchange);
  if (evidence !== undefined) host.cancel(exchange.operation, evidence);
  settleIncoming(host, response, exchange, undefined);
}

function closedUnfinished(host: Host, exchange: ServerExchange): void {
  const { response, socket } = exchange;
  const ending = socket && whyConnectionEnded(host, exchange, socket, socket.errored);
  endIncoming(host, exchange, ending ?? { kind: 'peer-gone', phase: serverPhaseOf(response) });
}
