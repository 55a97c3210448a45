/** Who ends a stream and why: judged at the first sign of the end, which for a stream in flight is the cancel. */
import { causeOf, codeOf, isAbortError, isError, reasonOf } from '../../cancellation/reason.ts';
import { http2 } from '../../hook/built-ins.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Phase } from '../../operation/evidence.ts';
import { idleLimitPassed, isMissed, passingLimit } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import { type Failure, failureFrom, failureOfCode } from './failure.ts';
import type { Stream } from './internals.ts';
import { clientPhaseOf, serverPhaseOf } from './phase.ts';

/** Undefined: the stream is complete, and whoever ends it now only tidies up. */
export type Ending = Evidence | Failure | undefined;

/**
 * Codes by which a client says that it has left. Node's and Connect's clients reset with INTERNAL_ERROR when
 * they give up with an error, curl's old ones with STREAM_CLOSED. What is left are errors of protocol.
 */
const LEAVING: readonly number[] = [
  http2.constants.NGHTTP2_NO_ERROR,
  http2.constants.NGHTTP2_INTERNAL_ERROR,
  http2.constants.NGHTTP2_STREAM_CLOSED,
  http2.constants.NGHTTP2_CANCEL,
];

/** stream.close(). @param above the hook */
export function whyClosed(
  host: Host,
  stream: Stream,
  exchange: Exchange,
  rstCode: number,
  above: StackTop,
): Ending {
  if (isComplete(stream, exchange)) return undefined;
  // Node closes the streams by itself then.
  if (exchange.connection.isGone) return lost(stream, exchange, undefined);
  // After end() a server's close() waits until all is written.
  const isGraceful = !exchange.connection.isClient && rstCode === 0;
  if (isGraceful && stream.headersSent && stream.writableEnded) return undefined;
  const seen = { phase: phaseOf(stream, exchange), rstCode };
  return whyEndedHere(host, exchange, 'cancel', seen, undefined, above);
}

/** stream.destroy(), or what destroys all streams of a session. @param above the hook */
export function whyDestroyed(
  host: Host,
  stream: Stream,
  exchange: Exchange,
  error: unknown,
  above: StackTop,
): Ending {
  if (isComplete(stream, exchange)) return undefined;
  if (isRefusal(error)) return failureFrom(error);
  const { teardown } = exchange.connection;
  if (teardown?.kind === 'failed') return failureFrom(teardown.error);
  if (teardown?.kind === 'lost') return lost(stream, exchange, teardown.error ?? error);
  const phase = phaseOf(stream, exchange);
  if (teardown !== undefined) {
    const { limit, stack, error: reason } = teardown;
    if (limit !== undefined) return idleLimitPassed(host, exchange.operation, limit, { phase, reason });
    return { kind: 'local', trigger: 'shutdown', phase, reason, stack };
  }
  if (exchange.connection.isGone) return lost(stream, exchange, error);
  const rstCode = stream.pending ? undefined : codeFor(error);
  return whyEndedHere(host, exchange, 'destroy', { phase, rstCode }, error, above);
}

/** The stream was closed, and not by this process. */
export function whyEndedByPeer(stream: Stream, exchange: Exchange): Ending {
  if (isComplete(stream, exchange)) return undefined;
  const { rstCode } = stream;
  const { connection } = exchange;
  if (connection.isGone) return lost(stream, exchange, undefined);
  if (rstCode === http2.constants.NGHTTP2_NO_ERROR && isOrderly(stream, exchange)) return undefined;
  const isLeaving = connection.isClient
    ? rstCode === http2.constants.NGHTTP2_CANCEL
    : LEAVING.includes(rstCode);
  if (!isLeaving) return failureOfCode(rstCode);
  return { kind: 'peer-reset', phase: phaseOf(stream, exchange), rstCode };
}

/** A signal, a limit, or a call. @param above the hook */
function whyEndedHere(
  host: Host,
  exchange: Exchange,
  trigger: 'cancel' | 'destroy',
  seen: { readonly phase: Phase; readonly rstCode: number | undefined },
  error: unknown,
  above: StackTop,
): Evidence | Failure {
  const { signal, operation } = exchange;
  if (signal?.aborted && (error === undefined || isOfSignal(signal, error))) {
    return { kind: 'signal', ...seen, ...host.abortOrigins.explain(signal, reasonOf(signal)) };
  }
  const limit = passingLimit(exchange);
  if (limit !== undefined) return idleLimitPassed(host, operation, limit, { ...seen, reason: error });
  const story = host.abortOrigins.inProgress();
  const { deadline } = operation;
  if (operation.side === 'client' && deadline !== undefined && isMissed(deadline, story?.reason)) {
    const reason = story?.reason ?? error;
    return { kind: 'local-timeout', trigger: 'deadline', ...seen, reason, stack: deadline.stack };
  }
  // An 'abort' listener of the application or of a library (Connect) ends the stream by itself.
  if (story !== undefined) return { kind: 'signal', ...seen, ...story };
  // Made by Node, which destroys the stream by itself with it.
  if (isOfNode(error)) return failureFrom(error);
  return { kind: 'local', trigger, ...seen, reason: error, stack: host.captureStack(above) };
}

/** Node destroys the request of an aborted signal with an AbortError of its own, which has the signal's reason as its cause. */
function isOfSignal(signal: AbortSignal, error: unknown): boolean {
  return isError(error) && isAbortError(error) && Object.is(causeOf(error), reasonOf(signal));
}

function isOfNode(error: unknown): boolean {
  const code = codeOf(error);
  return typeof code === 'string' && code.startsWith('ERR_HTTP2_');
}

function isComplete(stream: Stream, exchange: Exchange): boolean {
  if (exchange.connection.isClient) return exchange.status !== undefined && stream._readableState.ended;
  if (!stream.headersSent) return false;
  // While a file is being sent, there is nothing to be written any more, but one thing in the queue.
  return stream.headRequest || (stream.writableFinished && stream.bufferSize === 0);
}

/** With NO_ERROR a stream ends by itself, too. */
function isOrderly(stream: Stream, { connection, status }: Exchange): boolean {
  // A server's is over before Node tells that all of the response was flushed, so 'aborted' has to say that it was not.
  return connection.isClient ? status !== undefined : !stream.aborted;
}

/** To a client a broken connection is a failure; a server has lost whom it worked for. */
function lost(stream: Stream, exchange: Exchange, error: unknown): Evidence | Failure {
  if (exchange.connection.isClosedHere) {
    const phase = phaseOf(stream, exchange);
    return { kind: 'local', trigger: 'shutdown', phase, reason: error, stack: undefined };
  }
  if (!exchange.connection.isClient) return { kind: 'peer-gone', phase: serverPhaseOf(stream) };
  return failureFrom(error);
}

function phaseOf(stream: Stream, exchange: Exchange): Phase {
  return exchange.connection.isClient ? clientPhaseOf(stream, exchange) : serverPhaseOf(stream);
}

/** The session was destroyed before the request was made. Up to Node 24, request() throws. */
function isRefusal(error: unknown): boolean {
  return codeOf(error) === 'ERR_HTTP2_INVALID_SESSION';
}

/** What Node's _destroy() puts into the RST_STREAM. */
function codeFor(error: unknown): number {
  if (error === undefined || error === null) return http2.constants.NGHTTP2_NO_ERROR;
  return codeOf(error) === 'ABORT_ERR'
    ? http2.constants.NGHTTP2_CANCEL
    : http2.constants.NGHTTP2_INTERNAL_ERROR;
}
