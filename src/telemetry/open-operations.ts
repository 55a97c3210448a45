/**
 * Operations that are not over: for when the process ends or the instrumentation is switched off, since nobody would
 * tell of their end, and to tell whether an outgoing one can belong to but one incoming one.
 *
 * Some never end, such as a call that an interceptor keeps from being started. So that these are not kept for
 * ever, there is a limit, and the oldest make way.
 *
 * A list that the operations themselves are linked to: a Set makes garbage as it is added to and deleted from.
 */
import type { OperationRecord } from './operation-record.ts';

const MAX_OPERATIONS = 10_000;

export class OpenOperations {
  #oldest: OperationRecord | undefined;
  #newest: OperationRecord | undefined;
  #size = 0;
  #incoming = 0;
  #unfollowed = 0;

  add(operation: OperationRecord): void {
    operation.earlierOpen = this.#newest;
    if (this.#newest === undefined) this.#oldest = operation;
    else this.#newest.laterOpen = operation;
    this.#newest = operation;
    this.#size++;
    if (operation.side === 'server') this.#incoming++;
    if (this.#size > MAX_OPERATIONS && this.#oldest !== undefined) {
      this.delete(this.#oldest);
      this.#unfollowed++;
    }
  }

  /** The operations that are not over and have made way for others. */
  get unfollowed(): number {
    return this.#unfollowed;
  }

  /** Once, when it is over. */
  delete(operation: OperationRecord): void {
    const { earlierOpen, laterOpen } = operation;
    if (earlierOpen === undefined && this.#oldest !== operation) {
      this.#unfollowed--;
      return;
    }
    if (earlierOpen === undefined) this.#oldest = laterOpen;
    else earlierOpen.laterOpen = laterOpen;
    if (laterOpen === undefined) this.#newest = earlierOpen;
    else laterOpen.earlierOpen = earlierOpen;
    operation.earlierOpen = undefined;
    operation.laterOpen = undefined;
    this.#size--;
    if (operation.side === 'server') this.#incoming--;
  }

  get size(): number {
    return this.#size;
  }

  /** The incoming one, when there is exactly one. */
  loneIncoming(): OperationRecord | undefined {
    if (this.#incoming !== 1) return undefined;
    for (let operation = this.#oldest; operation !== undefined; operation = operation.laterOpen) {
      if (operation.side === 'server') return operation;
    }
    return undefined;
  }

  /** A copy, oldest first: whoever asks is about to end them. */
  all(): OperationRecord[] {
    const operations: OperationRecord[] = [];
    for (let operation = this.#oldest; operation !== undefined; operation = operation.laterOpen) {
      operations.push(operation);
    }
    return operations;
  }
}
