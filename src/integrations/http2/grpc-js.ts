/** grpc-js rides on node:http2 and has an integration of its own: a call is to have one span on each side. */
import type { Session } from './internals.ts';

/** A request of grpc-js's client: it always says so in its user agent, whatever else is put around it. */
export function isGrpcJsRequest(given: unknown): boolean {
  try {
    return isGrpc(given) && String(given['user-agent']).includes('grpc-node-js/');
  } catch {
    // grpc-js gives text.
    return false;
  }
}

/**
 * A request to grpc-js's server: it listens to 'stream' with one of two methods of its own, bound, and
 * nobody listens to 'request'. Other servers of gRPC (Connect) have a 'request' listener.
 */
export function isForGrpcJsServer(session: Session, headers: unknown): boolean {
  const { server } = session;
  if (server === undefined || !isGrpc(headers) || server.listenerCount('request') > 0) return false;
  return server
    .listeners('stream')
    .every(({ name }) => name === 'bound _streamHandler' || name === 'bound _channelzHandler');
}

/** Its names are in lower case: grpc-js writes them so, and a server gets them so. */
function isGrpc(headers: unknown): headers is Readonly<Record<string, unknown>> {
  if (typeof headers !== 'object' || headers === null || !('content-type' in headers)) return false;
  const contentType = headers['content-type'];
  return typeof contentType === 'string' && contentType.startsWith('application/grpc');
}
