/** What a query has of the incoming operation that it is for, where the options say so: its end. */
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { pauseAfterMs } from '../../cancellation/cancel-attempts.ts';
import { isCancellable } from '../../cancellation/cancellable-statement.ts';
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../host.ts';
import { CancelRequest } from './cancel-request.ts';
import type { Connection } from './connection.ts';
import { activeQueryOf, IN_TRANSACTION, NO_TRANSACTION, type Query, textOf } from './internals.ts';

export function passOnEnd(
  host: Host,
  installation: Installation,
  connection: Connection,
  query: Query,
): void {
  const stop = installation.guard(() => {
    // No matter who waits for the answer of the cancel.
    if (mayCancel(host, connection, query))
      context.with(host.suppress(ROOT_CONTEXT), () => cancel(installation, connection, query, 1));
  });
  const forget = host.stopWithIncoming(stop);
  if (forget !== undefined) connection.queries.set(query, forget);
}

function mayCancel(host: Host, { client, transaction }: Connection, query: Query): boolean {
  const isOpen =
    transaction === NO_TRANSACTION || (host.stopsInTransaction && transaction === IN_TRANSACTION);
  // In a pipeline the server has got the next query already.
  return isOpen && client.pipeline !== true && isCancellable(textOf(query));
}

function cancel(installation: Installation, connection: Connection, query: Query, attempt: number): void {
  const { client } = connection;
  const isRunning = (): boolean => activeQueryOf(client) === query;
  if (!isRunning() || connection.request !== undefined) return;
  const again = installation.guard(() => cancel(installation, connection, query, attempt + 1));
  const over = installation.guard(() => {
    if (connection.request === request) connection.request = undefined;
    const pauseMs = pauseAfterMs(attempt);
    if (pauseMs !== undefined && isRunning()) setTimeout(again, pauseMs).unref();
  });
  const request = CancelRequest.for(client, installation, isRunning, over);
  connection.request = request;
}
