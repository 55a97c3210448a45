/** Where queries are seen: asked for, and over; and where a client gets its connection of a pool. */
import { AsyncResource } from 'node:async_hooks';
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { before, during } from '../../hook/observe.ts';
import { type AnyFunction, replaceFunction, type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { Connection } from './connection.ts';
import { activeQueryOf, type Client, lastQueuedOf, type Query, type ReadyForQuery } from './internals.ts';
import { passOnEnd } from './pass-on.ts';

/** One for each client that was seen since this was installed. */
type ConnectionOf = (client: Client) => Connection;

export function watchClient(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = moduleExports as { prototype: object };
  const connections = new WeakMap<Client, Connection>();
  const connectionOf = (client: Client): Connection => {
    const connection = connections.get(client) ?? new Connection(client);
    connections.set(client, connection);
    return connection;
  };
  const undos = [
    watchQueries(prototype, connectionOf, host, installation),
    watchReady(prototype, connectionOf, installation),
  ];
  return () => undoAll(undos);
}

function watchQueries(
  prototype: object,
  connectionOf: ConnectionOf,
  host: Host,
  installation: Installation,
): Undo {
  return during(prototype, 'query', installation, (client: Client) => {
    const active = activeQueryOf(client);
    const lastQueued = lastQueuedOf(client);
    return () => {
      const query = newQueryOf(client, active, lastQueued);
      if (query) passOnEnd(host, installation, connectionOf(client), query);
    };
  });
}

/** The application is given none where it asks by text. None is there where the client has refused. */
function newQueryOf(
  client: Client,
  active: Query | null | undefined,
  lastQueued: Query | undefined,
): Query | null | undefined {
  const queued = lastQueuedOf(client);
  if (queued !== undefined && queued !== lastQueued) return queued;
  const started = activeQueryOf(client);
  return started === active ? undefined : started;
}

/**
 * The server is ready for the next query. By hand: the client is told later while a cancel is on its way, which is
 * all that keeps that cancel from the next query. An error of the query itself is not held back; pg tells its rows then.
 */
function watchReady(prototype: object, connectionOf: ConnectionOf, installation: Installation): Undo {
  return replaceFunction(prototype, '_handleReadyForQuery', (original: AnyFunction) => {
    const { replacement } = {
      replacement(this: Client, ...args: [ReadyForQuery]): unknown {
        if (installation.isActive) {
          try {
            const request = connectionOf(this).ready(args[0]);
            if (request !== undefined) {
              const proceed = (): void => void Reflect.apply(original, this, args);
              request.hold(AsyncResource.bind(proceed));
              return undefined;
            }
          } catch (error) {
            installation.fault(error);
          }
        }
        return Reflect.apply(original, this, args);
      },
    };
    return replacement;
  });
}

/**
 * Whoever waits for a connection is called back in the context of whoever returns it, which is of another request: its
 * query would be cancelled with that one.
 */
export function watchPool(moduleExports: unknown, _host: Host, installation: Installation): Undo {
  const { prototype } = moduleExports as { prototype: object };
  return before(prototype, 'connect', installation, (_pool, args: unknown[]) => {
    const [callback] = args;
    if (typeof callback === 'function') args[0] = context.bind(context.active(), callback);
  });
}
