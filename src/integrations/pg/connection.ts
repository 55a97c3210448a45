/** The connection of a client: what runs on it, and the cancel that is on its way. */
import type { Undo } from '../../hook/replace.ts';
import type { CancelRequest } from './cancel-request.ts';
import { type Client, isQueued, type Query, type ReadyForQuery } from './internals.ts';

export class Connection {
  readonly client: Client;
  /** As the server said it last; undefined when that was before this was installed. */
  transaction: string | undefined = undefined;
  /** Of requests that may be cancelled, and how each is let go. */
  readonly queries: Map<Query, Undo> = new Map();
  request: CancelRequest | undefined = undefined;

  constructor(client: Client) {
    this.client = client;
  }

  /**
   * All that was sent is over.
   *
   * @returns the cancel that may still reach the server: nothing is to be sent before it has
   */
  ready({ status }: ReadyForQuery): CancelRequest | undefined {
    this.transaction = status;
    for (const [query, forget] of this.queries) {
      if (isQueued(this.client, query)) continue;
      this.queries.delete(query);
      forget();
    }
    const { request } = this;
    if (request === undefined || request.isSent) return request;
    this.request = undefined;
    request.abandon();
    return undefined;
  }
}
