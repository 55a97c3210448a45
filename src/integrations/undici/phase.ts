/** How far a request is. Asked only when it is cancelled. */
import type { ClientPhase } from '../../operation/evidence.ts';
import { connectPhase } from './connecting.ts';
import type { Exchange } from './exchange.ts';

export function phaseOf({ request, statusCode, isHeadSent, bodySentAtMs }: Exchange): ClientPhase {
  if (statusCode > 0) return 'receive';
  if (bodySentAtMs > 0) return 'wait';
  // HTTP/2 of undici 6 does not say that it sends the head.
  if (isHeadSent || request.abort) return request.body ? 'send' : 'wait';
  return connectPhase(String(request.origin)) ?? 'queued';
}
