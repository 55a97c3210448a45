/** For handlers: how much time is left, and whether anybody still waits. */
import { type Context, context } from '@opentelemetry/api';
import type { Operation } from '../operation/operation.ts';
import { ownerIn, SCOPE_KEY } from '../telemetry/owner.ts';
import { Scope } from './scope.ts';

/**
 * When the work at hand has to be done, in ms since 1970, as grpc-js takes it for `deadline`. Undefined when
 * there is no limit. The limit is that of the incoming operation (grpc-timeout or a deadline header), or of
 * withDeadline(), whichever comes first.
 */
export function currentDeadline(): number | undefined {
  const leftMs = remainingMs();
  return leftMs === undefined ? undefined : Date.now() + leftMs;
}

/** How much of it is left, in ms: 0 when it has passed, undefined when there is no limit. */
export function remainingMs(): number | undefined {
  const deadlineAtMs = scopeIn(context.active())?.deadlineAtMs ?? Number.POSITIVE_INFINITY;
  return deadlineAtMs === Number.POSITIVE_INFINITY
    ? undefined
    : Math.max(0, deadlineAtMs - performance.now());
}

/**
 * A signal for everything that is done for the incoming operation: aborted when the client is gone (the
 * reason is an AbortError) or the deadline has passed (a TimeoutError). Undefined when the caller works for
 * no incoming operation and has no deadline. The same signal each time; it is freed with the operation.
 */
export function currentSignal(): AbortSignal | undefined {
  return scopeIn(context.active())?.signal;
}

/**
 * Calls `fn` with a limit: within it, and in all it starts, currentDeadline(), remainingMs() and
 * currentSignal() know of it. A limit that is already there is never made longer. Nothing is stopped by
 * itself: give the signal to what can be stopped.
 *
 * @param timeoutMs at least 0
 * @returns what `fn` returns
 * @throws {RangeError} for a timeout that is negative or no number; and whatever `fn` throws
 */
export function withDeadline<T>(timeoutMs: number, fn: () => T): T {
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`timeoutMs must be a number of milliseconds, 0 or more, but is ${timeoutMs}`);
  }
  const scope = new Scope(performance.now() + timeoutMs, scopeIn(context.active()));
  return runInScope(scope, fn);
}

/** Calls `fn` in the scope, which is closed when `fn` has returned, or its promise has settled. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  let result: T;
  try {
    result = context.with(enterScope(context.active(), scope), fn);
  } catch (error) {
    scope.close();
    throw error;
  }
  if (!(result instanceof Promise)) {
    scope.close();
    return result;
  }
  return result.finally(() => scope.close()) as T;
}

export function enterScope(outer: Context, scope: Scope): Context {
  return outer.setValue(SCOPE_KEY, scope);
}

/** The innermost scope: of withDeadline() or a middleware, or else of the incoming operation. */
export function scopeIn(active: Context): Scope | undefined {
  const scope = active.getValue(SCOPE_KEY) as Scope | undefined;
  if (scope !== undefined) return scope;
  const owner = ownerIn(active);
  return owner && scopeOf(owner);
}

/** Made when somebody asks for it; told of the end by the recorder. */
export function scopeOf(operation: Operation): Scope {
  if (operation.scope instanceof Scope) return operation.scope;
  const scope = new Scope(operation.deadline?.atMs ?? Number.POSITIVE_INFINITY);
  operation.scope = scope;
  const { cancellation } = operation;
  if (cancellation !== undefined) scope.cancel(cancellation.outcome);
  else if (operation.isSettled) scope.close();
  return scope;
}
