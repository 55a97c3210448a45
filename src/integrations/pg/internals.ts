/** The classes of pg beyond their public types. */
import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

export const PG_VERSIONS: readonly string[] = ['>=8.7.0 <9'];
export const POOL_VERSIONS: readonly string[] = ['>=3.4.0 <4'];

/** What a client runs: a query of its own, or a cursor, a stream of rows, a COPY. */
export interface Query {
  readonly text?: unknown;
  /** Of a stream of rows. */
  readonly cursor?: { readonly text?: unknown };
}

export interface Client {
  readonly host: string;
  readonly port: number;
  readonly processID: unknown;
  readonly secretKey: unknown;
  readonly ssl: boolean | ConnectionOptions;
  readonly sslNegotiation?: string;
  readonly pipeline?: boolean;
  readonly connection: { readonly stream: Socket | TLSSocket };
  // The names up to 8.16, and those after it, where the old ones warn.
  readonly activeQuery: Query | null | undefined;
  readonly queryQueue: readonly Query[];
  readonly _activeQuery?: Query | null | undefined;
  readonly _queryQueue?: readonly Query[];
  end(): Promise<void>;
}

/** PostgreSQL's words for where a connection is; a third one is for a transaction that has failed. */
export const NO_TRANSACTION = 'I';
export const IN_TRANSACTION = 'T';

export interface ReadyForQuery {
  readonly status?: string;
}

/** What the server runs, as far as the client knows: from when it is sent until it has ended or failed. */
export function activeQueryOf(client: Client): Query | null | undefined {
  return Object.hasOwn(client, '_activeQuery') ? client._activeQuery : client.activeQuery;
}

/** Of those that wait for their turn. */
export function lastQueuedOf(client: Client): Query | undefined {
  return queueOf(client).at(-1);
}

export function isQueued(client: Client, query: Query): boolean {
  return queueOf(client).includes(query);
}

function queueOf(client: Client): readonly Query[] {
  return client._queryQueue ?? client.queryQueue;
}

export function textOf(query: Query): unknown {
  return query.text ?? query.cursor?.text;
}
