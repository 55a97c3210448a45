/** Where outgoing requests are seen. */
import type { Installation } from '../../hook/installation.ts';
import { replaceFunction, type Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { beginRequest } from './client.ts';
import { decide } from './decision.ts';
import { endedByDestroy } from './ending.ts';
import type { Exchange } from './exchange.ts';
import { failureThrown } from './failure.ts';
import type { Session, Stream } from './internals.ts';
import { withContext } from './request-headers.ts';
import { settleStream } from './settlement.ts';
import { stopStream } from './stop.ts';
import type { StreamHooks } from './stream-hooks.ts';

export function watchRequests(
  host: Host,
  installation: Installation,
  prototype: object,
  streamHooks: StreamHooks,
): Undo {
  return replaceFunction(prototype, 'request', (original) => {
    const { request } = {
      request(this: Session, ...args: unknown[]): unknown {
        if (!installation.isActive) return Reflect.apply(original, this, args);
        let exchange: Exchange | undefined;
        let given = args;
        try {
          exchange = beginRequest(host, this, args[0], args[1], request);
          if (exchange !== undefined)
            given = [withContext(host, exchange.operation, args[0]), ...args.slice(1)];
        } catch (error) {
          installation.fault(error);
        }
        if (exchange === undefined) return Reflect.apply(original, this, args);
        let stream: unknown;
        try {
          stream = Reflect.apply(original, this, given);
        } catch (error) {
          refused(exchange, error);
          throw error;
        }
        try {
          begun(stream as Stream, exchange);
        } catch (error) {
          installation.fault(error);
        }
        return stream;
      },
    };

    function refused(exchange: Exchange, error: unknown): void {
      try {
        exchange.failure = failureThrown(error);
        settleStream(host, undefined, exchange);
      } catch (fault) {
        installation.fault(fault);
      }
    }

    function begun(stream: Stream, exchange: Exchange): void {
      streamHooks.follow(stream, exchange);
      if (!stream.destroyed) {
        const { operation } = exchange;
        if (host.config.propagate.cancel && operation.owner !== undefined) {
          operation.stop = () => stopStream(stream, exchange);
        }
        return;
      }
      // The signal was aborted already, or the session has just failed.
      decide(
        host,
        installation,
        stream,
        exchange,
        endedByDestroy(host, stream, exchange, undefined, request),
      );
      settleStream(host, stream, exchange);
    }

    return request;
  });
}
