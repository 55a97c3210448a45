/** Why a request ended with an error: the peer, the network, a limit, or code of this process. */
import { type Frame, parseFrame } from '../../cancellation/frame.ts';
import { isOwnFrame } from '../../cancellation/own-files.ts';
import { isAbortError, isErrorLike, isSystemError } from '../../cancellation/reason.ts';
import type { CapturedStack, StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import { FOLLOWED } from './call.ts';
import { limitPassed } from './deadline.ts';
import { destroyedBy } from './destroy-error.ts';
import type { Exchange } from './exchange.ts';
import { codeToSend, isCancelledByPeer } from './http2-streams.ts';
import { endedByStream, hasFailed, hasLostSink } from './own-streams.ts';
import { phaseOf } from './phase.ts';
import type { Watch } from './watch.ts';

const CANCELS_BODY = / readableStreamCancel \(node:internal\/webstreams\//;

/** Undefined for a plain failure. @param above the hook */
export function whyFailed(
  watch: Watch,
  exchange: Exchange,
  error: unknown,
  above: StackTop,
): Evidence | undefined {
  const { host } = watch;
  const phase = phaseOf(watch, exchange);
  const rstCode = codeToSend(exchange, error);
  const signal = exchange.call?.signal;
  if (signal?.aborted) {
    const { reason } = signal;
    // That of a polyfill may have none.
    const story = host.abortOrigins.explain(signal, reason === undefined ? error : reason);
    const isKnown = reason !== undefined && story.stack !== undefined;
    // undici ends what is on a connection on the stack of whoever aborts.
    const seen = isKnown || !exchange.request.abort ? undefined : ofSomebody(host.captureStack(above));
    return { kind: 'signal', phase, rstCode, ...story, stack: seen ?? story.stack };
  }
  const destroyStack = destroyedBy(watch, error);
  if (destroyStack !== undefined) {
    return { kind: 'local', trigger: 'destroy', phase, reason: error, stack: destroyStack };
  }
  const streamEnd = endedByStream(exchange.call, error);
  if (streamEnd !== undefined && hasFailed(streamEnd)) return undefined;
  if (streamEnd?.story !== undefined) return { kind: 'signal', phase, rstCode, ...streamEnd.story };
  const streamStack = streamEnd && ofSomebody(streamEnd.stack);
  if (streamStack !== undefined) {
    const reason = streamEnd?.error ?? error;
    return { kind: 'local', trigger: 'destroy', phase, rstCode, reason, stack: streamStack };
  }
  if (hasLostSink(exchange.call, error)) {
    return { kind: 'local', trigger: 'destroy', phase, rstCode, reason: error, stack: undefined };
  }
  if (isCancelledByPeer(exchange)) return { kind: 'peer-reset', phase, rstCode: exchange.stream?.rstCode };
  const code = isErrorLike(error) ? error.code : undefined;
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT': {
      // The socket is destroyed already, so it does not tell how far it was.
      const reached = phase === 'queued' ? 'connect' : phase;
      const stack = limitPassed(watch, exchange, error);
      return { kind: 'local-timeout', trigger: 'timeout', phase: reached, reason: error, stack };
    }
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT': {
      const stack = limitPassed(watch, exchange, error);
      return { kind: 'local-timeout', trigger: 'timeout', phase, rstCode, reason: error, stack };
    }
    case 'UND_ERR_ABORTED': {
      if (isRefusedByProxy(error)) return undefined;
      // A signal that the body was given: undici has another for the request.
      const story = host.abortOrigins.inProgress();
      if (story !== undefined) return { kind: 'signal', phase, rstCode, ...story };
      const reason = watch.bodyDestroyReason ?? streamEnd?.error ?? error;
      return {
        kind: 'local',
        trigger: 'destroy',
        phase,
        rstCode,
        reason,
        stack: ofSomebody(host.captureStack(above)),
      };
    }
  }
  if (typeof code === 'string' && (code.startsWith('UND_ERR_') || isSystemError(error))) return undefined;
  return whoseCall(watch, { phase, rstCode }, error, above);
}

/** fetch() goes on to where the answer points, and ends what of it has not come yet: undici 8. Nobody has given up anything. */
export function isLeftBehind(
  { host }: Watch,
  { statusCode, call }: Exchange,
  error: unknown,
  above: StackTop,
): boolean {
  if (!FOLLOWED.has(statusCode) || !(error instanceof DOMException) || error.name !== 'AbortError')
    return false;
  if (call?.signal?.aborted || host.abortOrigins.isInProgress) return false;
  const stack = host.captureStack(above);
  return !CANCELS_BODY.test(stack.stack) && ofSomebody(stack) === undefined;
}

/** undici says of a tunnel that was not opened that the request was aborted. */
function isRefusedByProxy(error: unknown): boolean {
  return isErrorLike(error) && /^Proxy response \(\d+\)/.test(String(error.message));
}

/**
 * What is left is a failure of a library, or a reason of the application, which can be of any type, even an
 * error that it got elsewhere. undici ends the request on the stack of whoever cancels: that stack tells.
 */
function whoseCall(
  { host }: Watch,
  seen: Pick<Evidence, 'phase' | 'rstCode'>,
  error: unknown,
  above: StackTop,
): Evidence | undefined {
  const { abortOrigins } = host;
  const stack = host.captureStack(above);
  const somebody = ofSomebody(stack);
  // Also of a body that is piped with a signal: it is cancelled a few turns later, with the reason.
  const story =
    abortOrigins.inProgress() ?? (somebody === undefined ? abortOrigins.abortOf(error) : undefined);
  if (story !== undefined) return { kind: 'signal', ...seen, ...story };
  if (CANCELS_BODY.test(stack.stack)) {
    return { kind: 'local', trigger: 'body_cancel', ...seen, reason: error, stack: somebody };
  }
  // A signal that is not known: the package undici, loaded where its files cannot be patched.
  if (error instanceof DOMException && /^(?:Abort|Timeout)Error$/.test(error.name)) {
    return { kind: 'signal', ...seen, ...abortOrigins.explain(undefined, error) };
  }
  return isAbortError(error)
    ? { kind: 'local', trigger: 'destroy', ...seen, reason: error, stack: somebody }
    : undefined;
}

/** Undici itself, and what puts a listener of the application into its context. */
const NOBODY = /[\\/]node_modules[\\/](?:undici|@opentelemetry[\\/][^\\/]+)[\\/]/;

/**
 * The stack, if it names anybody who could have cancelled: undefined where there are frames of Node, of undici and of ours alone: a body
 * that was collected, a stream that is destroyed in a tick of its own, or by one that it is piped to.
 */
function ofSomebody(stack: CapturedStack): CapturedStack | undefined {
  if (stack.earlier !== undefined) return stack;
  const frames = stack.stack.split('\n').map(parseFrame);
  return frames.some((frame, index) => isSomebody(frame, frames[index - 1])) ? stack : undefined;
}

function isSomebody(frame: Frame | undefined, above: Frame | undefined): boolean {
  return (
    frame !== undefined &&
    !frame.file.startsWith('node:') &&
    !isOwnFrame(frame, above) &&
    !NOBODY.test(frame.file)
  );
}
