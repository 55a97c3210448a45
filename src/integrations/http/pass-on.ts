/** What an outgoing request has of the incoming operation that it works for: its time, and its end. */
import type { Host } from '../../host.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest } from './internals.ts';
import { readHeader, requestHeaders } from './propagation.ts';

/** Tells the server how much time is left, and ends the request with its owner, where the options say so. */
export function passOn(host: Host, request: OutgoingRequest, { operation }: ClientExchange): void {
  const told = host.tellDeadline(operation, request, readHeader);
  if (told !== undefined) requestHeaders.set(request, told.name, told.value);
  host.stopWithOwner(operation, (reason) => {
    request.destroy(reason);
  });
}
