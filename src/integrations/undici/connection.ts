/** What becomes of the connection of a cancelled request. */
import { destroyedBy } from './destroy-error.ts';
import type { Exchange } from './exchange.ts';

/**
 * HTTP/1.1 cannot call off one request alone: what ends with an error takes its connection with it, in a moment.
 *
 * @returns undefined when the request had no connection yet
 */
export function outlivesError({ session, socket }: Exchange, error: unknown): boolean | undefined {
  if (session !== undefined) return !session.destroyed && destroyedBy(error) === undefined;
  return socket && false;
}
