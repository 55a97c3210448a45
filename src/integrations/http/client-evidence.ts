/** Why an outgoing request was destroyed by this process. */
import { isOfLibrary, isTimerOfLibrary } from '../../cancellation/origin.ts';
import {
  causeOf,
  codeOf,
  isAbortError,
  isError,
  isTimeoutError,
  reasonOf,
  stackOf,
} from '../../cancellation/reason.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Stack } from '../../operation/evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import { idleLimitPassed, limitOf } from './deadline.ts';
import { kLimit, type OutgoingRequest } from './internals.ts';
import { isShuttingDown, isTimingOut } from './node-activity.ts';
import { clientPhaseOf } from './phase.ts';

/** @param call of destroy(): its stack, or the hook above it, of which one is taken only where no signal tells more */
export function whyDestroyed(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  given: unknown,
  call: Stack | StackTop,
): Evidence {
  const error = given ?? undefined;
  const phase = clientPhaseOf(request, exchange);
  if (isFromSignal(exchange.signal, error)) {
    return { kind: 'signal', phase, ...host.abortOrigins.explain(exchange.signal, causeOf(error)) };
  }
  const socket = request.socket ?? exchange.socket;
  const isIdle = socket !== undefined && socket !== null && isTimingOut(socket);
  // An 'abort' listener of the application or of a library (axios, got) destroys the request by itself.
  const story = isIdle ? undefined : host.abortOrigins.inProgress();
  if (story !== undefined) return { kind: 'signal', phase, ...story };
  const stack = typeof call === 'function' ? host.captureStack(call) : call;
  if (isIdle) {
    const limit = limitOf(socket, [exchange.limit, request.agent?.[kLimit]]);
    return idleLimitPassed(host, exchange.operation, socket, limit, { phase, reason: error }, stack);
  }
  if (isTimeoutError(error) || (error === undefined && isTimerOfLibrary(stack))) {
    const { deadline } = exchange.operation;
    // A limit that somebody watches with a timer of his own is known only by where it ended.
    const setAt = deadline === undefined ? stack : deadline.stack;
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason: error, stack: setAt };
  }
  const trigger = isShuttingDown() ? 'shutdown' : 'destroy';
  return { kind: 'local', trigger, phase, reason: error, stack: firstOfApplication(stack, error) };
}

/** A library may destroy the request later than it was told to: then its error was made when it was (axios' CancelToken). */
function firstOfApplication(stack: Stack, error: unknown): Stack {
  const toldAt = stackOf(error);
  return toldAt !== undefined && isOfLibrary(stack) && !isOfLibrary(toldAt) ? toldAt : stack;
}

/** Node destroys the request of an aborted signal with an AbortError of its own, which has the signal's reason as its cause. */
function isFromSignal(signal: AbortSignal | undefined, error: unknown): boolean {
  if (!isError(error) || !isAbortError(error) || !('cause' in error)) return false;
  if (signal !== undefined) return signal.aborted && Object.is(causeOf(error), reasonOf(signal));
  return codeOf(error) === 'ABORT_ERR';
}
