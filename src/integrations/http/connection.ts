/** The connection of a request: who waits for it, and what becomes of it. */
import {
  kPipelined,
  kServerExchange,
  type OutgoingRequest,
  type Response,
  type Transport,
} from './internals.ts';
import type { ServerExchange } from './server-exchange.ts';

/** It is not the turn of this one yet. Node 20 tells such a response nothing when the connection goes away. */
export function waitInLine(socket: Transport, exchange: ServerExchange): void {
  const earlier = socket[kPipelined]?.filter(({ operation }) => !operation.isSettled);
  socket[kPipelined] = [...(earlier ?? []), exchange];
}

/** The incoming request that a connection is answering, unless that is over. */
export function servedNowBy(socket: Transport): ServerExchange | undefined {
  const exchange = (socket._httpMessage as Response | null | undefined)?.[kServerExchange];
  return exchange && !exchange.operation.isSettled ? exchange : undefined;
}

/** And those whose turn had not come. */
export function servedBy(socket: Transport): readonly ServerExchange[] {
  const now = servedNowBy(socket);
  const waiting = socket[kPipelined]?.filter(({ operation }) => !operation.isSettled);
  if (waiting === undefined) return now === undefined ? NONE : [now];
  return now === undefined ? waiting : [now, ...waiting.filter((other) => other !== now)];
}

const NONE: readonly ServerExchange[] = [];

/**
 * HTTP/1.1 cannot call off one request alone: what this process cancels takes its connection with it, in a moment.
 *
 * @returns undefined when there is no connection yet
 */
export function outlivesDestroy({ socket }: OutgoingRequest): false | undefined {
  return socket && !socket.connecting && !socket.secureConnecting ? false : undefined;
}
