/** Who ended an incoming request, and why. */
import { isOfNode } from '../../cancellation/origin.ts';
import { isAbortError, isTimeoutError } from '../../cancellation/reason.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, ServerPhase, Stack } from '../../operation/evidence.ts';
import { idleLimitPassed } from './deadline.ts';
import { kClientError, kLimit, type Response, type Transport } from './internals.ts';
import { isShuttingDown, isTimingOut } from './node-activity.ts';
import { serverPhaseOf } from './phase.ts';
import { errorStatusOf } from './server-description.ts';
import type { ServerExchange } from './server-exchange.ts';

/** An end that is no cancel: the request is broken, or the answer cannot be completed. */
export interface Failure {
  readonly kind: 'failure';
  readonly error: unknown;
}

/**
 * A limit of Node's, a request that breaks the grammar, or the peer; undefined when it was none of them.
 *
 * @param given with what the connection was destroyed, if so
 */
export function whyConnectionEnded(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  given: unknown,
): Evidence | Failure | undefined {
  const error = given ?? socket[kClientError];
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const phase = serverPhaseOf(exchange.response);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason: error, stack: undefined };
  }
  if (isTimingOut(socket)) return limitOfConnectionPassed(host, exchange, socket, phase, error);
  // A client that leaves in the middle of its body breaks the grammar, too.
  const isGone = socket._readableState?.ended === true;
  if (isBroken(code) && !(isGone && code === 'HPE_INVALID_EOF_STATE')) return { kind: 'failure', error };
  if (syscall !== undefined || isGone) return { kind: 'peer-gone', phase };
  return undefined;
}

/** A call of this process. @param above the hook */
export function whyDestroyedHere(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  given: unknown,
  above: StackTop,
): Evidence | Failure {
  const reason = given ?? socket[kClientError];
  const { code } = (reason ?? {}) as NodeJS.ErrnoException;
  if (isBroken(code)) return { kind: 'failure', error: reason };
  const phase = serverPhaseOf(exchange.response);
  if (isTimingOut(socket)) return limitOfConnectionPassed(host, exchange, socket, phase, reason);
  if (isAbortError(reason)) {
    return { kind: 'signal', phase, ...host.abortOrigins.explain(undefined, reason.cause) };
  }
  // An 'abort' listener of the application destroys the response by itself.
  const story = host.abortOrigins.inProgress();
  if (story !== undefined) return { kind: 'signal', phase, ...story };
  const stack = host.captureStack(above);
  if (isOfBrokenStream(reason, stack)) return { kind: 'failure', error: reason };
  return { kind: 'local', trigger: isShuttingDown() ? 'shutdown' : 'destroy', phase, reason, stack };
}

/** Undefined for an answer that is no cancel. */
export function whatAnswerSays(host: Host, response: Response): Evidence | undefined {
  const outcome = host.outcomeOfStatus('server', response.statusCode);
  if (outcome === undefined) return undefined;
  return {
    kind: 'own-status',
    outcome,
    phase: 'handle',
    reason: response.statusMessage,
    stack: undefined,
    errorStatus: errorStatusOf(response),
  };
}

export function limitOfConnectionPassed(
  host: Host,
  { operation, limit }: ServerExchange,
  socket: Transport,
  phase: ServerPhase,
  error: unknown,
): Evidence {
  const known = [limit, socket.server?.[kLimit]];
  return idleLimitPassed(host, operation, socket, known, { phase, reason: error ?? undefined });
}

function isBroken(code: unknown): boolean {
  return typeof code === 'string' && (code.startsWith('HPE_') || code.startsWith('ERR_SSL_'));
}

/** Node's pipeline() destroys the response with the error of the stream that was to fill it, or the request with that of its reader. */
function isOfBrokenStream(reason: unknown, stack: Stack): boolean {
  return reason !== undefined && !isTimeoutError(reason) && isOfNode(stack);
}
