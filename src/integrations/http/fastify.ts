/** What Fastify 5 tells of a request when it hands it to its handler: before that, in its hooks, it tells nothing. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { isNamed, isTimeoutError } from '../../cancellation/reason.ts';
import type { Installation } from '../../hook/installation.ts';
import type { Undo } from '../../hook/replace.ts';
import { kServerExchange, type Message } from './internals.ts';

const HANDLER_START = 'tracing:fastify.request.handler:start';

export interface FastifyRequest {
  /** Not there in a test that calls a handler with a request of its own making. */
  readonly raw?: Message;
  readonly routeOptions?: { readonly handlerTimeout?: number };
  readonly signal?: AbortSignal;
}

interface HandlerStart {
  readonly request: FastifyRequest;
  readonly route: { readonly url?: string };
}

export function watchFastify(installation: Installation): Undo {
  const onStart = installation.guard((message: unknown): void => {
    if (!installation.isActive) return;
    const { request, route } = message as HandlerStart;
    const exchange = request.raw?.[kServerExchange];
    if (!exchange) return;
    exchange.fastify = request;
    if (exchange.metadata) exchange.metadata.route ??= route.url;
  });
  subscribe(HANDLER_START, onStart);
  return () => unsubscribe(HANDLER_START, onStart);
}

/** The error by which `handlerTimeout` has stopped the request; undefined when that has not passed. */
export function handlerTimeoutOf(request: FastifyRequest): unknown {
  // Without that limit the signal would be made now.
  if (!request.routeOptions?.handlerTimeout) return undefined;
  const reason: unknown = request.signal?.reason;
  return isNamed(reason, 'FastifyError') && isTimeoutError(reason) ? reason : undefined;
}
