/** The connection of a request: who waits for it, and what becomes of it. */
import { kPipelined, type OutgoingRequest, type Transport } from './internals.ts';
import type { ServerExchange } from './server-exchange.ts';

/** It is not the turn of this one yet. Node 20 tells such a response nothing when the connection goes away. */
export function waitInLine(socket: Transport, exchange: ServerExchange): void {
  const earlier = socket[kPipelined]?.filter(({ operation }) => !operation.isSettled);
  socket[kPipelined] = [...(earlier ?? []), exchange];
}

/** Those whose turn had not come. */
export function waitingInLine(socket: Transport): readonly ServerExchange[] {
  return socket[kPipelined]?.filter(({ operation }) => !operation.isSettled) ?? [];
}

/**
 * HTTP/1.1 cannot call off one request alone: what this process cancels takes its connection with it, in a moment.
 *
 * @returns undefined when there is no connection yet
 */
export function outlivesDestroy({ socket }: OutgoingRequest): false | undefined {
  return socket && !socket.connecting && !socket.secureConnecting ? false : undefined;
}
