import type { OperationRecord } from './operation-record.ts';

/**
 * What is known of the work for an operation after that was cancelled: of an incoming one by its handler, of an
 * outgoing one by whoever goes on receiving. Times are on the clock of performance.now(), in ms.
 */
export class LateWork {
  readonly operation: OperationRecord;
  readonly cancelledAtMs: number;
  /** Whether the operation's span was recorded: an ended one says no more than that it has ended. */
  readonly isRecorded: boolean;
  /** What the handler returned, until it is settled. */
  promise: Promise<unknown> | undefined = undefined;
  /** An async handler whose promise is settled has nothing left but what it started. */
  isReturned = false;
  writes = 0;
  /** Delivered to the application. */
  messages = 0;
  /** Outgoing operations started since. */
  operations = 0;
  /** Of those, the ones that are not over. */
  openOperations = 0;
  lastSignMs: number;

  constructor(operation: OperationRecord, cancelledAtMs: number) {
    this.operation = operation;
    this.cancelledAtMs = cancelledAtMs;
    this.isRecorded = operation.span.isRecording() || 'attributes' in operation.span;
    this.lastSignMs = cancelledAtMs;
  }
}
