/**
 * Operations that are not over: for when the process ends or the instrumentation is switched off, since nobody would
 * tell of their end, and to tell whether an outgoing one can belong to but one incoming one.
 *
 * Some never end, such as a call that an interceptor keeps from being started. So that these are not kept for
 * ever, there is a limit, and the oldest make way: those of the same side, so that no incoming one does for its own outgoing ones.
 */
import type { Side } from '../operation/operation.ts';
import type { OperationRecord } from './operation-record.ts';

/** Of each side. */
const MAX_OPERATIONS = 10_000;

export class OpenOperations {
  readonly #sides: Record<Side, OpenList> = { server: new OpenList(), client: new OpenList() };

  add(operation: OperationRecord): void {
    this.#sides[operation.side].add(operation);
  }

  /** Once, when it is over. */
  delete(operation: OperationRecord): void {
    this.#sides[operation.side].delete(operation);
  }

  /** The incoming one, when there is exactly one. */
  loneIncoming(): OperationRecord | undefined {
    const { size, oldest } = this.#sides.server;
    return size === 1 ? oldest : undefined;
  }

  /** A copy, oldest first: whoever asks is about to end them. */
  of(side: Side): OperationRecord[] {
    return this.#sides[side].all();
  }

  /** Those that have made way for others included. */
  get count(): number {
    const { server, client } = this.#sides;
    return server.size + server.unfollowed + client.size + client.unfollowed;
  }
}

/** A list that the operations themselves are linked to: a Set makes garbage as it is added to and deleted from. */
class OpenList {
  oldest: OperationRecord | undefined;
  size = 0;
  /** The operations that are not over and have made way for others. */
  unfollowed = 0;
  #newest: OperationRecord | undefined;

  add(operation: OperationRecord): void {
    operation.earlierOpen = this.#newest;
    if (this.#newest === undefined) this.oldest = operation;
    else this.#newest.laterOpen = operation;
    this.#newest = operation;
    this.size++;
    if (this.size > MAX_OPERATIONS && this.oldest !== undefined) {
      this.delete(this.oldest);
      this.unfollowed++;
    }
  }

  delete(operation: OperationRecord): void {
    const { earlierOpen, laterOpen } = operation;
    if (earlierOpen === undefined && this.oldest !== operation) {
      this.unfollowed--;
      return;
    }
    if (earlierOpen === undefined) this.oldest = laterOpen;
    else earlierOpen.laterOpen = laterOpen;
    if (laterOpen === undefined) this.#newest = earlierOpen;
    else laterOpen.earlierOpen = earlierOpen;
    operation.earlierOpen = undefined;
    operation.laterOpen = undefined;
    this.size--;
  }

  all(): OperationRecord[] {
    const operations: OperationRecord[] = [];
    for (let operation = this.oldest; operation !== undefined; operation = operation.laterOpen) {
      operations.push(operation);
    }
    return operations;
  }
}
