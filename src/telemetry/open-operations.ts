/**
 * Operations that are not over, for when the instrumentation is switched off: nobody would tell of their end.
 *
 * Some never end, such as a call that an interceptor keeps from being started. So that these are not kept for
 * ever, there is a limit, and the oldest make way.
 */
import type { Operation } from '../operation/operation.ts';

const MAX_OPERATIONS = 1_000;

export class OpenOperations {
  readonly #operations = new Set<Operation>();

  add(operation: Operation): void {
    this.#operations.add(operation);
    if (this.#operations.size <= MAX_OPERATIONS) return;
    for (const oldest of this.#operations) {
      this.#operations.delete(oldest);
      break;
    }
  }

  delete(operation: Operation): void {
    this.#operations.delete(operation);
  }

  /** A copy: whoever asks is about to end them. */
  all(): Operation[] {
    return [...this.#operations];
  }
}
