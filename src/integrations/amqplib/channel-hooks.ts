/**
 * Where the handlers of a channel and its end are seen. Ours has to be called within that of the official instrumentation, and
 * the end before that one has heard of it. So both are put in when a channel is first made, by when the other is there.
 */
import type { Installation } from '../../hook/installation.ts';
import { before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { closedByBroker, closedHere } from './closing-events.ts';
import { type Channel, type CloseError, REPLY_SUCCESS } from './internals.ts';

export function watchChannels(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Channel: { prototype: object } }).Channel;
  const watched = new Set<object>();
  const undos: Undo[] = [];
  undos.push(
    before(prototype, 'allocate', installation, (channel: Channel) => {
      const model = whoHas(channel, 'consume');
      if (model === undefined || watched.has(model)) return;
      watched.add(model);
      undos.push(watchHandlers(model, host, installation), watchErrors(model, host, installation));
    }),
    before(prototype, 'closeBecause', installation, (channel: Channel, [, code]: [string, number], above) => {
      if (code === REPLY_SUCCESS) closedHere(host, [channel], above);
    }),
  );
  return () => undoAll(undos);
}

/** The prototype of channels with promises, or of those with callbacks. */
function whoHas(channel: object, method: string): object | undefined {
  let object: object | null = channel;
  while (object !== null && !Object.hasOwn(object, method)) object = Object.getPrototypeOf(object);
  return object ?? undefined;
}

function watchHandlers(model: object, host: Host, installation: Installation): Undo {
  return before(model, 'consume', installation, (channel: Channel, args: [unknown, unknown]) => {
    const [, handler] = args;
    if (typeof handler !== 'function') return;
    const watched = { handler };
    during(watched, 'handler', installation, (_consumer, [message]: [unknown]) => {
      // Null when the broker has cancelled the consumer.
      const job = message === null ? undefined : host.job();
      if (job === undefined) return undefined;
      host.takenFrom(job, channel);
      return (result) => host.handledBy(job, result);
    });
    args[1] = watched.handler;
  });
}

/** Told first, then the channel is closed. */
function watchErrors(model: object, host: Host, installation: Installation): Undo {
  return before(model, 'emit', installation, (channel: Channel, [name, error]: [string, CloseError]) => {
    if (name === 'error') closedByBroker(host, channel, error);
  });
}
