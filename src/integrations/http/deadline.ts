/** The time limits of requests: those of timeout signals and of headers that are sent, and the idle limits of Node's `timeout` and setTimeout(). */
import { DEADLINE_HEADERS, deadlineHeadersIn, type Headers } from '../../cancellation/deadline-headers.ts';
import { formatStack } from '../../cancellation/frame.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence, Phase, Stack } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest, Transport } from './internals.ts';
import type { ServerExchange } from './server-exchange.ts';

/** How long the connection may be silent: it starts again with every byte. */
export interface IdleLimit {
  readonly timeoutMs: number;
  /** Of the call that set it. */
  readonly stack: Stack | undefined;
}

export function setLimitsOf(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  above: StackTop,
): void {
  const { signal, operation } = exchange;
  const ofSignal = signal && host.abortOrigins.deadlineOf(signal, operation.startedAtMs);
  host.sendDeadline(operation, limitsSentBy(request), ofSignal, above);
  if (request.timeout) setIdleLimit(host, exchange, request.timeout, above);
}

function limitsSentBy(request: OutgoingRequest): Headers | undefined {
  const { _header: head } = request;
  // Headers that were given as an array are nowhere but in the head, which is made already.
  if (head !== null) return /timeout|deadline/i.test(head) ? deadlineHeadersIn(linesOf(head)) : undefined;
  let found: Record<string, unknown> | undefined;
  for (const name of DEADLINE_HEADERS) {
    const value = request.getHeader(name);
    if (value === undefined) continue;
    found ??= {};
    found[name] = value;
  }
  return found;
}

/** Names and values in turn. */
function linesOf(head: string): string[] {
  return head.split('\r\n').flatMap((line) => {
    const end = line.indexOf(': ');
    return end === -1 ? [] : [line.slice(0, end), line.slice(end + 2)];
  });
}

/** @param timeout as it was given to Node: 0 takes the limit away */
export function setIdleLimit(
  host: Host,
  exchange: ClientExchange | ServerExchange,
  timeout: unknown,
  above: StackTop,
): void {
  exchange.limit = idleLimitOf(host, timeout, above);
}

function idleLimitOf(host: Host, timeout: unknown, above: StackTop): IdleLimit | undefined {
  const timeoutMs = Number(timeout);
  return timeoutMs > 0 ? { timeoutMs, stack: host.captureDeadlineStack(above) } : undefined;
}

/** Of what lives for long: a stack that is not formatted would keep what was called in it alive. */
export function lastingLimitOf(host: Host, timeout: unknown, above: StackTop): IdleLimit | undefined {
  const limit = idleLimitOf(host, timeout, above);
  const { stack } = limit ?? {};
  return (
    limit && { timeoutMs: limit.timeoutMs, stack: typeof stack === 'object' ? formatStack(stack) : stack }
  );
}

/** @param known those of whose making is known: a socket has but one, the last that it was given */
export function limitOf(
  { timeout }: Transport,
  known: readonly (IdleLimit | undefined)[],
): IdleLimit | undefined {
  return known.find((limit) => limit?.timeoutMs === timeout);
}

/**
 * The idle limit of a connection has passed.
 *
 * @param limit undefined when nobody knows who set it
 * @param otherwise then the stack of whatever it led to
 */
export function idleLimitPassed(
  host: Host,
  operation: Operation,
  { timeout }: Transport,
  limit: IdleLimit | undefined,
  seen: { readonly phase: Phase; readonly reason: unknown },
  otherwise?: Stack,
): Evidence {
  const stack = limit?.stack ?? otherwise;
  // Only now: until it has passed there is no point in time to name.
  if (timeout && operation.deadline === undefined) {
    host.setDeadline(operation, { atMs: performance.now(), timeoutMs: timeout, source: 'timeout', stack });
  }
  return { kind: 'local-timeout', trigger: 'timeout', ...seen, stack };
}
