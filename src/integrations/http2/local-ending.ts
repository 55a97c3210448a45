/** Why this process ends a stream: a signal, a limit, or a call. */
import { isNamed } from '../../cancellation/reason.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { CLOCK_SLACK_MS } from '../../operation/clock.ts';
import type { Evidence, Phase } from '../../operation/evidence.ts';
import type { Deadline } from '../../operation/operation.ts';
import type { Exchange, Failure } from './exchange.ts';
import { failureFrom } from './failure.ts';
import type { Limit } from './limit.ts';

/** The same in gRPC. */
const CONNECT_DEADLINE_EXCEEDED = 4;

/** @param above the hook */
export function whyEndedHere(
  host: Host,
  exchange: Exchange,
  trigger: 'cancel' | 'destroy',
  seen: { readonly phase: Phase; readonly rstCode: number | undefined },
  error: unknown,
  above: StackTop,
): Evidence | Failure {
  const { signal, operation } = exchange;
  if (signal?.aborted && (error === undefined || isOfSignal(signal, error))) {
    return { kind: 'signal', ...seen, ...host.abortOrigins.explain(signal, signal.reason) };
  }
  const limit = passingLimit(exchange);
  if (limit !== undefined) return limitPassed(host, exchange, limit, { ...seen, reason: error });
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

/** @param reason of the abort that is going on, if one is */
function isMissed(deadline: Deadline, reason: unknown): boolean {
  if (performance.now() >= deadline.atMs - CLOCK_SLACK_MS) return true;
  // Connect watches its deadline by a timer of its own, which it starts a while before it makes the request.
  return isNamed(reason, 'ConnectError') && reason.code === CONNECT_DEADLINE_EXCEEDED;
}

/** Node destroys the request of an aborted signal with an AbortError of its own, which has the signal's reason as its cause. */
function isOfSignal(signal: AbortSignal, error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError' && Object.is(error.cause, signal.reason);
}

function isOfNode(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && code.startsWith('ERR_HTTP2_');
}

function passingLimit({ limit, connection }: Exchange): Limit | undefined {
  if (limit?.isPassing) return limit;
  return connection.limit?.isPassing ? connection.limit : undefined;
}

export function limitPassed(
  host: Host,
  { operation }: Exchange,
  { timeoutMs, stack }: Limit,
  seen: { readonly phase: Phase; readonly rstCode?: number | undefined; readonly reason: unknown },
): Evidence {
  // Only now: an idle limit starts again with every frame, so until it has passed there is no point in time to name.
  if (operation.deadline === undefined) {
    host.setDeadline(operation, { atMs: performance.now(), timeoutMs, source: 'timeout', stack });
  }
  return { kind: 'local-timeout', trigger: 'timeout', ...seen, stack };
}
