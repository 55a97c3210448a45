import type { Operation } from './operation.ts';

/** What is known of a handler's work after its operation was cancelled. Times are on the clock of performance.now(), in ms. */
export class LateWork {
  readonly operation: Operation;
  readonly cancelledAtMs: number;
  /** What the handler returned, until it is settled. */
  promise: Promise<unknown> | undefined;
  /** An async handler whose promise is settled has nothing left but what it started. */
  isReturned = false;
  writes = 0;
  /** Outgoing operations started since. */
  operations = 0;
  /** Of those, the ones that are not over. */
  openOperations = 0;
  lastSignMs: number;

  constructor(operation: Operation, cancelledAtMs: number, promise: Promise<unknown> | undefined) {
    this.operation = operation;
    this.cancelledAtMs = cancelledAtMs;
    this.promise = promise;
    this.lastSignMs = cancelledAtMs;
  }
}
