/** By its error, what a dispatcher that is destroyed ends tells who has destroyed it. */
import { isErrorLike } from '../../cancellation/reason.ts';
import type { CapturedStack } from '../../operation/captured-stack.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { Watch } from './watch.ts';

/** @param error that the application gave to destroy(), if any */
export function rememberDestroy({ destroyStacks }: Watch, error: unknown, stack: CapturedStack): void {
  if (typeof error !== 'object' || error === null || destroyStacks.has(error)) return;
  // Formatted at once: unformatted it would hold on to what it is kept for.
  destroyStacks.set(error, stack.stack);
}

/** The stack of the destroy() that this is the error of. */
export function destroyedBy({ destroyStacks }: Watch, error: unknown): Stack | undefined {
  if (!isErrorLike(error)) return undefined;
  const stack = destroyStacks.get(error);
  if (stack !== undefined || error.code !== 'UND_ERR_DESTROYED') return stack;
  // undici makes it inside of destroy().
  return typeof error.stack === 'string' ? error.stack : '';
}
