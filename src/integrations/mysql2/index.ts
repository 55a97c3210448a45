/**
 * MySQL and MariaDB by mysql2, its pools and what is built on them: a query that runs when its incoming operation is
 * cancelled is cancelled on the server, where the options say so. No spans: those of the official instrumentation, or
 * of none.
 *
 * Limitations. Left alone, because the cancel could meet another query, or what has to be seen to its end: transactions,
 * `autocommit` that is off, and all that is no single statement of data (cancellable-statement.ts), unless the options
 * say so; connections that were made before this was installed, until the server has told their state; connections on
 * a `stream` that the application has made; queries that wait in the client, or for a connection of the pool, which run
 * when their turn comes. The server does not let everybody in twice: where it refuses the other connection, nothing is
 * cancelled. A mysql2 that is part of a bundle is not seen.
 */
import { type Installation, perInstallation } from '../../hook/installation.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Integration, PackageFile } from '../../integration.ts';
import {
  watchCommands,
  watchConnections,
  watchFlags,
  watchHandshakes,
  watchPools,
} from './connection-hooks.ts';
import { Connections } from './connections.ts';
import { MYSQL2_PACKAGE, SUPPORTED_VERSIONS } from './internals.ts';

export const mysql2Integration: Integration = {
  name: 'mysql2',
  needs: 'propagate.cancel',
  files: [
    file('base/connection.js', watchConnections),
    file('base/pool.js', watchPools),
    file('commands/client_handshake.js', watchHandshakes),
    file('commands/query.js', watchCommands),
    file('commands/execute.js', watchCommands),
    file('packets/packet.js', watchFlags),
  ],
};

const connectionsOf = perInstallation((host: Host, installation) => new Connections(host, installation));

function file(
  path: string,
  watch: (moduleExports: unknown, connections: Connections, installation: Installation) => Undo,
): PackageFile {
  return {
    packageName: MYSQL2_PACKAGE,
    supportedVersions: SUPPORTED_VERSIONS,
    path: `lib/${path}`,
    patch: (moduleExports, host, installation) =>
      watch(moduleExports, connectionsOf(host, installation), installation),
  };
}
