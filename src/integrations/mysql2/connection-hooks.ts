/** Where queries are seen, what the server says of its connections, and where one is taken from a pool. */
import { context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Connections } from './connections.ts';
import { AUTOCOMMIT, type Command, type Connection, type ConnectionClass } from './internals.ts';
import { passOnEnd } from './pass-on.ts';

export function watchConnections(
  moduleExports: unknown,
  connections: Connections,
  installation: Installation,
): Undo {
  const connectionClass = moduleExports as ConnectionClass;
  const see = (connection: Connection): ((command: unknown) => void) => {
    if (!connection._command) connections.stateOf(connection).forgetAll();
    return (command) => {
      if (command !== undefined) passOnEnd(connections, connectionClass, connection, command as Command);
    };
  };
  const undos = [
    during(connectionClass.prototype, 'query', installation, see),
    during(connectionClass.prototype, 'execute', installation, see),
  ];
  return () => undoAll(undos);
}

/** A connection that is new: nothing has begun on it. */
export function watchHandshakes(
  moduleExports: unknown,
  connections: Connections,
  installation: Installation,
): Undo {
  type Args = [packet: unknown, connection: Connection];
  const { prototype } = moduleExports as { prototype: object };
  return before(prototype, 'handshakeInit', installation, (_command, [, connection]: Args) => {
    connections.stateOf(connection).status = AUTOCOMMIT;
  });
}

/** How a command ends. An error says nothing of the connection. */
export function watchCommands(
  moduleExports: unknown,
  connections: Connections,
  installation: Installation,
): Undo {
  type RunningCommand = Command & { readonly _connection: Connection };
  type Args = [result: { readonly serverStatus?: number } | null];
  const { prototype } = moduleExports as { prototype: object };
  const undos = [
    before(prototype, 'doneInsert', installation, ({ _connection }: RunningCommand, [result]: Args) => {
      const status = result?.serverStatus;
      if (status !== undefined) connections.stateOf(_connection).status = status;
      connections.endFlags = undefined;
    }),
    before(prototype, 'done', installation, ({ _connection }: RunningCommand) => {
      if (connections.endFlags !== undefined) connections.stateOf(_connection).status = connections.endFlags;
      connections.endFlags = undefined;
    }),
  ];
  return () => undoAll(undos);
}

/** The end of a result, which is read just before its command is done. */
export function watchFlags(
  moduleExports: unknown,
  connections: Connections,
  installation: Installation,
): Undo {
  const { prototype } = moduleExports as { prototype: object };
  return after(prototype, 'eofStatusFlags', installation, (_packet, _args, flags) => {
    connections.endFlags = typeof flags === 'number' ? flags : undefined;
  });
}

/**
 * Whoever waits for a connection is called back in the context of whoever returns it, which is of another request: its
 * query would be cancelled with that one.
 */
export function watchPools(
  moduleExports: unknown,
  _connections: Connections,
  installation: Installation,
): Undo {
  const { prototype } = moduleExports as { prototype: object };
  return before(prototype, 'getConnection', installation, (_pool, args: unknown[]) => {
    const [callback] = args;
    if (typeof callback === 'function') args[0] = context.bind(context.active(), callback);
  });
}
