/** Who ended an incoming request, and why. */
import { isOfNode } from '../../cancellation/origin.ts';
import { causeOf, codeOf, isAbortError, isSystemError, isTimeoutError } from '../../cancellation/reason.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, ServerPhase, Stack } from '../../operation/evidence.ts';
import { type IdleLimit, idleLimitPassed, limitOf } from './deadline.ts';
import { handlerTimeoutOf } from './fastify.ts';
import { kClientError, kLimit, type Transport } from './internals.ts';
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
  const code = codeOf(error);
  const phase = serverPhaseOf(exchange.response);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { kind: 'local-timeout', trigger: 'timeout', phase, reason: error, stack: undefined };
  }
  if (isTimingOut(socket)) return limitOfConnectionPassed(host, exchange, socket, phase, error);
  // A client that leaves in the middle of its body breaks the grammar, too.
  const isGone = socket._readableState?.ended === true;
  if (isBroken(code) && !(isGone && code === 'HPE_INVALID_EOF_STATE')) return { kind: 'failure', error };
  if (isSystemError(error) || isGone) return { kind: 'peer-gone', phase };
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
  if (isBroken(codeOf(reason))) return { kind: 'failure', error: reason };
  const phase = serverPhaseOf(exchange.response);
  if (isTimingOut(socket)) return limitOfConnectionPassed(host, exchange, socket, phase, reason);
  if (isAbortError(reason)) {
    return { kind: 'signal', phase, ...host.abortOrigins.explain(undefined, causeOf(reason)) };
  }
  // An 'abort' listener of the application destroys the response by itself.
  const story = host.abortOrigins.inProgress();
  if (story !== undefined) return { kind: 'signal', phase, ...story };
  const stack = host.captureStack(above);
  if (isOfBrokenStream(reason, stack)) return { kind: 'failure', error: reason };
  return { kind: 'local', trigger: isShuttingDown() ? 'shutdown' : 'destroy', phase, reason, stack };
}

/**
 * A call of this process on the connection itself. Once the server is closed, or the process told to end, whoever is not its
 * handler shuts down by that, as stoppable, terminus, http-terminator and NestJS do.
 *
 * @param above the hook
 */
export function whyConnectionCut(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  given: unknown,
  above: StackTop,
): Evidence | Failure {
  const ending = whyDestroyedHere(host, exchange, socket, given, above);
  if (ending.kind !== 'local' || host.isWorkOf(exchange.operation)) return ending;
  const isEnding = socket.server?.listening === false || host.isToldToEnd();
  return isEnding ? { ...ending, trigger: 'shutdown' } : ending;
}

/** Undefined for an answer that is no cancel. */
export function whatAnswerSays(host: Host, exchange: ServerExchange): Evidence | undefined {
  const { operation, response } = exchange;
  const { statusCode, statusMessage } = response;
  const errorStatus = errorStatusOf(response);
  const limit = statusCode < 400 ? undefined : limitOfFramework(exchange);
  if (limit !== undefined) {
    const seen = { phase: 'handle', reason: limit, stack: undefined, errorStatus } as const;
    return { kind: 'local-timeout', trigger: 'timeout', ...seen };
  }
  const outcome = host.outcomeOfStatus('server', statusCode);
  if (outcome === undefined) return undefined;
  const stack = outcome === 'deadline_exceeded' ? operation.limitSetAt : undefined;
  return { kind: 'own-status', outcome, phase: 'handle', reason: statusMessage, stack, errorStatus };
}

/** What a framework says of a limit of its own, a plain timer, that passed before the answer. */
function limitOfFramework({ response, fastify }: ServerExchange): unknown {
  if (response.req.timedout === true) return 'Response timeout';
  return fastify && handlerTimeoutOf(fastify);
}

export function limitOfConnectionPassed(
  host: Host,
  exchange: ServerExchange,
  socket: Transport,
  phase: ServerPhase,
  error: unknown,
): Evidence {
  const seen = { phase, reason: error ?? undefined };
  return idleLimitPassed(host, exchange.operation, socket, limitOfConnection(exchange, socket), seen);
}

export function limitOfConnection({ limit }: ServerExchange, socket: Transport): IdleLimit | undefined {
  return limitOf(socket, [limit, socket.server?.[kLimit]]);
}

function isBroken(code: unknown): boolean {
  return typeof code === 'string' && (code.startsWith('HPE_') || code.startsWith('ERR_SSL_'));
}

/** Node's pipeline() destroys the response with the error of the stream that was to fill it, or the request with that of its reader. */
function isOfBrokenStream(reason: unknown, stack: Stack): boolean {
  return reason !== undefined && !isTimeoutError(reason) && isOfNode(stack);
}
