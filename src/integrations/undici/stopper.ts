/** What ends a fetch() as a signal of the application would, beside the one that it has. */
import { isObject } from './given.ts';

/** On a signal that is made of others: the Request that one of them belongs to, and lives as long as. */
const kFollower: unique symbol = Symbol('opentelemetry.cancellation.undici.follower');

/** Undefined where fetch() is to refuse what it is given. */
export function stopperFor([input, init]: unknown[]): AbortController | undefined {
  const isRefused = input === undefined || (init !== undefined && init !== null && !isObject(init));
  return isRefused ? undefined : new AbortController();
}

/**
 * What fetch() is to take for the signal, so that it ends with the stopper and with that of the application, whichever is
 * first.
 *
 * @param own undefined where there is none
 * @param given to fetch()
 * @returns undefined where fetch() is to take what it is given: it refuses that, is aborted already, or it is a signal of
 *   another realm or of a polyfill
 */
export function signalBeside(
  stopper: AbortController,
  own: AbortSignal | undefined,
  given: unknown,
): AbortSignal | undefined {
  if (own === undefined) return (given ?? undefined) === undefined ? stopper.signal : undefined;
  try {
    if (!(own instanceof AbortSignal) || own.aborted) return undefined;
    // AbortSignal.any() leaves something behind on a signal that lives long, and may forget one that nobody else knows. A
    // Request follows it as fetch() does: by the same listener, which goes with it.
    const follower = new Request('data:,', { signal: own });
    const both = AbortSignal.any([follower.signal, stopper.signal]);
    Object.defineProperty(both, kFollower, { value: follower });
    return both;
  } catch {
    return undefined; // made of the prototype alone: fetch() says so
  }
}
