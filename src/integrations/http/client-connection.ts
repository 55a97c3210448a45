/** What becomes of the connection of a cancelled request. */
import type { OutgoingRequest } from './internals.ts';

/**
 * HTTP/1.1 cannot call off one request alone: what this process cancels takes its connection with it, in a moment.
 *
 * @returns undefined when there is no connection yet
 */
export function outlivesDestroy({ socket }: OutgoingRequest): false | undefined {
  return socket && !socket.connecting && !socket.secureConnecting ? false : undefined;
}
