/**
 * PostgreSQL by pg, pg-pool and what is built on them: a query that runs when its incoming operation is cancelled is
 * cancelled on the server, where the options say so. No spans: those of the official instrumentation, or of none.
 *
 * Limitations. Left alone, because the cancel could meet another query, or what has to be seen to its end: queries in
 * `pipeline` mode; clients that were connected before this was installed; connections by a `stream` of the
 * application's own; transactions and all that is no single statement of data (cancellable-statement.ts), unless the
 * options say so; queries that wait in the client, or for a connection of the pool, which run when their turn comes.
 * pg-native is not seen, nor is a pg that is part of a bundle. A cursor's cancel meets the batch that is being fetched:
 * between two of them the server does nothing.
 */
import type { Integration } from '../../integration.ts';
import { watchClient, watchPool } from './connection-hooks.ts';
import { PG_VERSIONS, POOL_VERSIONS } from './internals.ts';

export const pgIntegration: Integration = {
  name: 'pg',
  needs: 'propagate.cancel',
  files: [
    {
      packageName: 'pg',
      supportedVersions: PG_VERSIONS,
      path: 'lib/client.js',
      missedWhenLate: 'queries of clients that are connected',
      patch: watchClient,
    },
    { packageName: 'pg-pool', supportedVersions: POOL_VERSIONS, path: 'index.js', patch: watchPool },
  ],
};
