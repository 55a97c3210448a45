/** How far a request is. Asked only when it is cancelled. */
import type { ClientPhase } from '../../operation/evidence.ts';
import { connectPhase } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { Watch } from './watch.ts';

/** True when there is nothing left to receive, though undici may not have noticed yet. */
export function isBodiless({ request, statusCode }: Exchange): boolean {
  return statusCode > 0 && (request.method === 'HEAD' || statusCode === 204 || statusCode === 304);
}

export function phaseOf(
  watch: Watch,
  { request, statusCode, isHeadSent, bodySentAtMs }: Exchange,
): ClientPhase {
  if (statusCode > 0) return 'receive';
  if (bodySentAtMs > 0) return 'wait';
  // HTTP/2 of undici 6 does not say that it sends the head.
  if (isHeadSent || request.abort) return request.body ? 'send' : 'wait';
  return connectPhase(watch, String(request.origin)) ?? 'queued';
}
