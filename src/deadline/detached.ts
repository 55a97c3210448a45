/** For handlers: what is not for the incoming operation in which it happens to be started. */
import { context } from '@opentelemetry/api';
import { OWNER_KEY, ownerIn, SCOPE_KEY } from '../telemetry/owner.ts';

/**
 * Calls `fn`, which works for others than the incoming operation at hand as well, or has to be done whatever becomes of that: a
 * request that several share, a cache that is filled, an order that is paid for. What is started within it does not end with
 * the incoming operation (`propagate.cancel`), has no part in its time (currentSignal() and currentDeadline() are
 * undefined), and no rule finds fault with it. Its spans stay in the trace.
 *
 * @returns what `fn` returns
 * @throws whatever `fn` throws
 */
export function detached<T>(fn: () => T): T {
  const active = context.active();
  const owner = ownerIn(active);
  if (owner !== undefined) owner.hasDetached = true;
  return context.with(active.setValue(OWNER_KEY, undefined).setValue(SCOPE_KEY, undefined), fn);
}
