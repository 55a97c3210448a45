import type { Operation } from './operation.ts';

/** What is known of a handler's work after its operation was cancelled. Times are on the clock of performance.now(), in ms. */
export class LateWork {
  readonly operation: Operation;
  readonly cancelledAtMs: number;
  /** Whether the operation's span was recorded, which its end hides. */
  readonly isRecorded: boolean;
  /** What the handler returned, until it is settled. */
  promise: Promise<unknown> | undefined = undefined;
  /** An async handler whose promise is settled has nothing left but what it started. */
  isReturned = false;
  writes = 0;
  /** Outgoing operations started since. */
  operations = 0;
  /** Of those, the ones that are not over. */
  openOperations = 0;
  lastSignMs: number;

  constructor(operation: Operation, cancelledAtMs: number) {
    this.operation = operation;
    this.cancelledAtMs = cancelledAtMs;
    this.isRecorded = operation.span.isRecording();
    this.lastSignMs = cancelledAtMs;
  }
}
