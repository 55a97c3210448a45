/** The connection of a client: what runs on it, and the time that it is kept from running more. */
import type { Undo } from '../../hook/replace.ts';
import { AUTOCOMMIT, type Command, type Connection, IN_TRANSACTION, type Runnable } from './internals.ts';

/** What is kept for one. */
export class ConnectionState {
  /** As the server said it last, in its flags; undefined when that was before this was installed. */
  status: number | undefined = undefined;
  /** Of requests that may be cancelled, and how each is let go. */
  readonly commands: Map<Command, Undo> = new Map();

  get isOutsideOfTransaction(): boolean {
    return this.status !== undefined && (this.status & (AUTOCOMMIT | IN_TRANSACTION)) === AUTOCOMMIT;
  }

  /** The connection is idle. */
  forgetAll(): void {
    for (const forget of this.commands.values()) forget();
    this.commands.clear();
  }
}

/** A command that stands between the one that is to be cancelled and the next, and sends nothing. */
export class Gate implements Runnable {
  readonly #connection: Connection;
  #isClosed = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection._commands.unshift(this);
  }

  /** A cancel is on its way: nothing is to be sent before it has arrived. */
  close(): void {
    this.#isClosed = true;
  }

  open(): void {
    this.#isClosed = false;
    if (this.#connection._command === this) this.#connection.handlePacket();
  }

  execute(): boolean {
    return !this.#isClosed;
  }

  stateName(): string {
    return 'gate';
  }
}
