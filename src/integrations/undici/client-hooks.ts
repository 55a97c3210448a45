/**
 * undici's channels. `publish` is replaced on those where we have to be first, before the official
 * instrumentation ends its span. On the others a subscriber does, which comes when its turn is.
 */
import { channel as channelOf, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { before } from '../../hook/observe.ts';
import { replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import { requestCreated } from './client.ts';
import { bodySent, completed, failed, headSent, type Response, responded } from './client-events.ts';
import type { Exchange } from './exchange.ts';
import { findGlobalDispatchers } from './global-dispatchers.ts';
import { kExchange, type UndiciRequest } from './internals.ts';
import type { Watch } from './watch.ts';

interface Message {
  readonly request: UndiciRequest;
}

export function watchChannels(watch: Watch): Undo {
  const undos = [
    watchCreate(watch),
    listen('undici:client:sendHeaders', watch, (exchange, message) => {
      headSent(exchange, (message as { readonly socket: Socket }).socket);
    }),
    listen('undici:request:bodySent', watch, bodySent),
    seeFirst('undici:request:headers', watch, (exchange, message) => {
      responded(watch, exchange, (message as { readonly response: Response }).response);
    }),
    seeFirst('undici:request:trailers', watch, (exchange) => completed(watch, exchange)),
    seeFirst('undici:request:error', watch, (exchange, message, above) => {
      failed(watch, exchange, (message as { readonly error: unknown }).error, above);
    }),
  ];
  return () => undoAll(undos);
}

type See = (exchange: Exchange, message: object, above: (message: unknown) => unknown) => void;

function listen(
  name: string,
  { installation }: Watch,
  see: (exchange: Exchange, message: object) => void,
): Undo {
  const subscriber = installation.guard((message: unknown): void => {
    const exchange = (message as Message).request[kExchange];
    if (exchange !== undefined && installation.isActive) see(exchange, message as Message);
  });
  subscribe(name, subscriber);
  return () => unsubscribe(name, subscriber);
}

function seeFirst(name: string, { installation }: Watch, see: See): Undo {
  const { channel, sleep } = awake(name);
  const undo = before(channel, 'publish', installation, (_channel, [message]: unknown[], above) => {
    const exchange = (message as Message).request[kExchange];
    if (exchange !== undefined) see(exchange, message as Message, above);
  });
  return () => undoAll([sleep, undo]);
}

function watchCreate(watch: Watch): Undo {
  const { installation } = watch;
  const name = 'undici:request:create';
  const create = installation.guard((message: unknown, created: object, publish: () => void): void => {
    // Not seen in dispatch(): a dispatcher that is not watched yet, or never will be.
    if (watch.dispatching === undefined) findGlobalDispatchers(watch);
    requestCreated(watch, message as Message, created, publish);
  });
  const { channel, sleep } = awake(name);
  const undo = replaceFunction(channel, 'publish', (original) => {
    const { publish } = {
      publish(this: object, message: unknown): unknown {
        if (!installation.isActive) return original.call(this, message);
        let isPublished = false;
        const publishOnce = (): void => {
          if (isPublished) return;
          isPublished = true;
          original.call(this, message);
        };
        create(message, this, publishOnce);
        publishOnce();
        return undefined;
      },
    };
    return publish;
  });
  return () => undoAll([sleep, undo]);
}

/**
 * undici publishes only where there are subscribers, and only a channel that has some can publish: before that it has
 * another publish(), which does nothing.
 */
function awake(name: string): { channel: object; sleep: Undo } {
  subscribe(name, nothing);
  return { channel: channelOf(name), sleep: () => unsubscribe(name, nothing) };
}

function nothing(): void {}
