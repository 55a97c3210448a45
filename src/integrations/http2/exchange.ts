/** What is kept for a stream while it is in flight. */
import type { Operation } from '../../operation/operation.ts';
import type { Connection } from './connection.ts';
import type { IdleLimit } from './deadline.ts';
import type { Failure } from './failure.ts';

export class Exchange {
  readonly operation: Operation;
  /** A stream loses its session when it is destroyed. */
  readonly connection: Connection;
  /** The signal that a request was given, or that of whoever ends it in the name of the application. */
  signal: AbortSignal | undefined;
  /** Status of the response that a client received. */
  status: number | undefined = undefined;
  /** Of stream.setTimeout(). */
  limit: IdleLimit | undefined = undefined;
  /** True once it is known who ends the stream: the first to do so counts. */
  isDecided = false;
  /** What the stream fails with, when that is known before the end. */
  failure: Failure | undefined = undefined;

  constructor(operation: Operation, connection: Connection, signal: AbortSignal | undefined) {
    this.operation = operation;
    this.connection = connection;
    this.signal = signal;
  }
}
