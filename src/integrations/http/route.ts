/**
 * The route of an incoming request. Frameworks are not patched for it: what one of them tells, on a channel
 * or by what it leaves on the request, is kept until the end. The place where it is kept is that of
 * @opentelemetry/core's getRPCMetadata(), so that instrumentations of frameworks, and applications, fill it
 * in as they do beside the official HTTP instrumentation.
 */
import { type Context, createContextKey, type Span } from '@opentelemetry/api';
import { expressRouteOf } from './express-route.ts';
import type { Message } from './internals.ts';

/** The key of @opentelemetry/core (Symbol.for under this text), which need not be installed. */
export const RPC_METADATA_KEY: symbol = createContextKey('OpenTelemetry SDK Context Key RPC_METADATA');

/** As in @opentelemetry/core. */
export interface RpcMetadata {
  readonly type: 'http';
  span: Span | undefined;
  route?: string | undefined;
}

export function createMetadata(): RpcMetadata {
  return { type: 'http', span: undefined, route: undefined };
}

/** That of the official instrumentation, whose context it is. */
export function metadataIn(context: Context): RpcMetadata | undefined {
  return context.getValue(RPC_METADATA_KEY) as RpcMetadata | undefined;
}

export function routeOf(request: Message, metadata: RpcMetadata | undefined): string | undefined {
  if (metadata?.route !== undefined) return metadata.route;
  try {
    return expressRouteOf(request);
  } catch {
    return undefined; // code of theirs runs here: getters, and the matching of paths
  }
}
