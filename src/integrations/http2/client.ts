/** Outgoing requests, from what is given to request() to an operation. */
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { connectionOf } from './connection.ts';
import { setLimitsOf } from './deadline.ts';
import { describeRequest } from './description.ts';
import { Exchange } from './exchange.ts';
import { isGrpcJsRequest } from './grpc-js.ts';
import type { Session } from './internals.ts';
import { readHeaders } from './propagation.ts';

/** @param above the hook. @returns undefined when the request is not to be recorded */
export function beginRequest(
  host: Host,
  session: Session,
  given: unknown,
  options: unknown,
  above: StackTop,
): Exchange | undefined {
  if (isGrpcJsRequest(given) || host.isSuppressed()) return undefined;
  const headers = readHeaders(given);
  if (headers === undefined || headers[':method'] === 'CONNECT') return undefined;
  const connection = connectionOf(session);
  if (connection.isForeign) return undefined;
  if (!session.connecting) connection.learnPeer();
  const signal = signalOf(options);
  const operation = host.start(describeRequest(headers, session));
  setLimitsOf(host, operation, headers, signal, above);
  return new Exchange(operation, connection, signal);
}

function signalOf(options: unknown): AbortSignal | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  try {
    const { signal } = options as { readonly signal?: unknown };
    return signal instanceof AbortSignal ? signal : undefined;
  } catch {
    // Node is about to throw the same.
    return undefined;
  }
}
