/** What a query has of the incoming operation that it is for, where the options say so: its end. */
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { pauseAfterMs } from '../../cancellation/cancel-attempts.ts';
import { isCancellable } from '../../cancellation/cancellable-statement.ts';
import { Gate } from './connection.ts';
import type { Connections } from './connections.ts';
import type { Command, Connection, ConnectionClass } from './internals.ts';
import type { Kill } from './killer.ts';

export function passOnEnd(
  connections: Connections,
  connectionClass: ConnectionClass,
  connection: Connection,
  command: Command,
): void {
  const { host, installation } = connections;
  const state = connections.stateOf(connection);
  const stop = installation.guard(() => {
    const { status } = state;
    const isOpen = state.isOutsideOfTransaction || (host.stopsInTransaction && status !== undefined);
    if (isOpen && isCancellable(command.sql))
      context.with(host.suppress(ROOT_CONTEXT), () =>
        cancel(connections, connectionClass, connection, command, 1),
      );
  });
  const forget = host.stopWithIncoming(stop);
  if (forget !== undefined) state.commands.set(command, forget);
}

function cancel(
  connections: Connections,
  connectionClass: ConnectionClass,
  connection: Connection,
  command: Command,
  attempt: number,
): void {
  const { threadId } = connection;
  const isRunning = (): boolean => connection._command === command;
  const killer = connections.killerFor(connection, connectionClass);
  if (!isRunning() || threadId === null || killer === undefined) return;
  const { guard } = connections.installation;
  const again = guard(() => cancel(connections, connectionClass, connection, command, attempt + 1));
  const retry = guard(() => {
    const pauseMs = pauseAfterMs(attempt);
    if (pauseMs !== undefined && isRunning()) setTimeout(again, pauseMs).unref();
  });
  const gate = new Gate(connection);
  const kill: Kill = {
    threadId,
    isWanted: isRunning,
    sent: () => gate.close(),
    over: () => {
      gate.open();
      retry();
    },
    // The connection is given up, rather than one of its queries hit.
    lost: () => void connection.stream.destroy(),
  };
  killer.kill(kill, connection);
}
