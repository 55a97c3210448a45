/** The route of a request that Fastify 5 hands to its handler. Before that, in its hooks, it tells nothing. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Installation } from '../../hook/installation.ts';
import type { Undo } from '../../hook/replace.ts';
import { kServerExchange, type Message } from './internals.ts';

const HANDLER_START = 'tracing:fastify.request.handler:start';

interface HandlerStart {
  readonly request: { readonly raw: Message };
  readonly route: { readonly url?: string };
}

export function watchFastify(installation: Installation): Undo {
  const onStart = installation.guard((message: unknown): void => {
    if (!installation.isActive) return;
    const { request, route } = message as HandlerStart;
    const metadata = request.raw[kServerExchange]?.metadata;
    if (metadata) metadata.route ??= route.url;
  });
  subscribe(HANDLER_START, onStart);
  return () => unsubscribe(HANDLER_START, onStart);
}
