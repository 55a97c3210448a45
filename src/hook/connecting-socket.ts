/** How far a socket of Node's is that is not connected yet. */
import { isIP } from 'node:net';

export interface ConnectingSocket {
  readonly _handle?: { getsockname?(address: object): number } | null;
}

/**
 * True while the name of the host is looked up. A TCP handle has no local address until connect() was called on it,
 * which is when the address is known.
 *
 * @param host what the socket was told to connect to, when it is known
 */
export function isResolving({ _handle: handle }: ConnectingSocket, host: string | undefined): boolean {
  if (host !== undefined && isIP(host) !== 0) return false;
  return typeof handle?.getsockname === 'function' && handle.getsockname({}) !== 0;
}
