/** Where outgoing requests are seen. */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { beginRequest } from './client.ts';
import { whyDestroyed } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { failureThrown } from './failure.ts';
import type { Session, Stream } from './internals.ts';
import { passOn } from './pass-on.ts';
import { withContext } from './propagation.ts';
import { decide, settleStream } from './stream.ts';
import type { StreamHooks } from './stream-hooks.ts';

export function watchRequests(
  host: Host,
  installation: Installation,
  prototype: object,
  streamHooks: StreamHooks,
): Undo {
  const begin = installation.guard((session: Session, args: unknown[], above: StackTop) => {
    const exchange = beginRequest(host, session, args[0], args[1], above);
    if (exchange === undefined) return undefined;
    return { exchange, given: [withContext(host, exchange.operation, args[0]), ...args.slice(1)] };
  });

  const refused = installation.guard((exchange: Exchange, error: unknown): void => {
    exchange.failure = failureThrown(error);
    settleStream(host, undefined, exchange);
  });

  const begun = installation.guard((stream: Stream, exchange: Exchange, above: StackTop): void => {
    streamHooks.follow(stream, exchange);
    if (!stream.destroyed) {
      passOn(host, stream, exchange);
      return;
    }
    // The signal was aborted already, or the session has just failed.
    const ending = whyDestroyed(host, stream, exchange, undefined, above);
    decide(host, installation, stream, exchange, ending);
    settleStream(host, stream, exchange);
  });

  return replaceFunction(prototype, 'request', (original) => {
    const { request } = {
      request(this: Session, ...args: unknown[]): unknown {
        const started = installation.isActive ? begin(this, args, request) : undefined;
        if (started === undefined) return Reflect.apply(original, this, args);
        const { exchange, given } = started;
        let stream: unknown;
        try {
          stream = Reflect.apply(original, this, given);
        } catch (error) {
          refused(exchange, error);
          throw error;
        }
        begun(stream as Stream, exchange, request);
        return stream;
      },
    };
    return request;
  });
}
