/** Why an outgoing request was destroyed by this process. */
import { isTimeoutError } from '../../cancellation/reason.ts';
import type { Host } from '../../integration.ts';
import type { Evidence, Stack } from '../../operation/evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import { phaseOf } from './client-phase.ts';
import type { OutgoingRequest } from './internals.ts';
import { isShuttingDown, isTimingOut } from './node-activity.ts';

/** @param stack of the call of destroy() */
export function whyDestroyed(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  error: unknown,
  stack: Stack,
): Evidence {
  const phase = phaseOf(request, exchange);
  if (isFromSignal(exchange.signal, error)) {
    return { kind: 'signal', phase, ...host.abortOrigins.explain(exchange.signal, error.cause) };
  }
  if (isTimingOut(request.socket ?? exchange.socket) || isTimeoutError(error)) {
    const { deadline } = exchange.operation;
    // A limit that somebody watches with a timer of his own is known only by where it ended.
    const setAt = deadline === undefined ? stack : deadline.stack;
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason: error, stack: setAt };
  }
  // An 'abort' listener of the application or of a library (axios) destroys the request by itself.
  const story = host.abortOrigins.explain(undefined, undefined);
  if (story.stack !== undefined) return { kind: 'signal', phase, ...story, reason: error };
  return { kind: 'local', trigger: isShuttingDown() ? 'shutdown' : 'destroy', phase, reason: error, stack };
}

/** Node destroys the request of an aborted signal with an AbortError of its own, which has the signal's reason as its cause. */
function isFromSignal(signal: AbortSignal | undefined, error: unknown): error is { readonly cause: unknown } {
  if (!(error instanceof Error) || error.name !== 'AbortError' || !('cause' in error)) return false;
  if (signal !== undefined) return signal.aborted && Object.is(error.cause, signal.reason);
  return (error as NodeJS.ErrnoException).code === 'ABORT_ERR';
}
