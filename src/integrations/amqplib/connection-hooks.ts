/** Where the end of a connection is seen, which is that of its channels. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { closedHere, connectionGone } from './closing-events.ts';
import { type Channel, type CloseError, type Connection, REPLY_SUCCESS } from './internals.ts';

export function watchConnections(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { prototype } = (moduleExports as { Connection: { prototype: object } }).Connection;
  const undos = [
    before(
      prototype,
      'closeBecause',
      installation,
      (connection: Connection, [, code]: [string, number], above) => {
        if (code === REPLY_SUCCESS) closedHere(host, channelsOf(connection), above);
      },
    ),
    before(
      prototype,
      'toClosed',
      installation,
      (connection: Connection, [, error]: [unknown, CloseError?]) => {
        if (error !== undefined) connectionGone(host, channelsOf(connection), error);
      },
    ),
  ];
  return () => undoAll(undos);
}

function channelsOf({ channels }: Connection): Channel[] {
  // The first one is the connection's own.
  return channels.slice(1).flatMap((entry) => (entry === null ? [] : [entry.channel]));
}
