/** What an outgoing request has of the incoming operation it works for, where the options say so: its time, and its end. */
import type { Host } from '../../host.ts';
import type { Exchange } from './exchange.ts';
import { readHeader, requestHeaders } from './propagation.ts';

/** After the deadline of its own is known. */
export function passOn(host: Host, exchange: Exchange): void {
  const { request, operation } = exchange;
  const told = host.tellDeadline(operation, request, readHeader);
  if (told !== undefined) requestHeaders.set(request, told.name, told.value);
  host.stopWithOwner(operation, (reason) => stop(exchange, reason));
}

/** As a signal of the application would. A fetch() with a signal that is not Node's own fails as if its connection broke. */
function stop({ request, call, operation }: Exchange, reason: Error): void {
  if (operation.isSettled) return;
  if (call?.stopper !== undefined) call.stopper.abort(reason);
  else if (typeof request.abort === 'function') request.abort(reason);
  else if (request.onResponseError !== undefined) request.onResponseError(reason);
  else request.onError?.(reason);
}
