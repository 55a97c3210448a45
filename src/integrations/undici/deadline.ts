/** The time limits of a request: those of its signal, and undici's own, for a connection, for the head of the response, and for the pause between two parts of its body. */
import { isErrorLike } from '../../cancellation/reason.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import type { Exchange } from './exchange.ts';
import { hidden } from './internals.ts';

/** The limit that is in the signal, if any. */
export function setSignalLimit(
  host: Host,
  operation: Operation,
  signal: AbortSignal,
  startedAtMs: number,
): void {
  const deadline = host.abortOrigins.deadlineOf(signal, startedAtMs);
  // Where there are both, the one that comes first.
  if (deadline === undefined || (operation.deadline?.atMs ?? Number.POSITIVE_INFINITY) < deadline.atMs)
    return;
  host.setDeadline(operation, deadline);
}

/** A limit of undici that was set for this request. Those of a client, 300 s when nothing is said, are told only when they have passed. */
export function setHeadersLimit(host: Host, { request, operation, call }: Exchange): void {
  const timeoutMs = request.headersTimeout;
  if (!timeoutMs) return;
  const stack = call?.limitStack;
  host.setDeadline(operation, {
    atMs: operation.startedAtMs + timeoutMs,
    timeoutMs,
    source: 'timeout',
    stack,
  });
}

/** Says which limit has passed, now that it has: it began when there was something to wait for. */
export function limitPassed(host: Host, exchange: Exchange, error: unknown): void {
  const { operation, call } = exchange;
  const { timeoutMs, sinceMs } = limitOf(exchange, error);
  if (timeoutMs === undefined || !(timeoutMs > 0)) return;
  const nowMs = performance.now();
  const atMs = sinceMs === undefined ? nowMs : Math.min(nowMs, sinceMs + timeoutMs);
  host.setDeadline(operation, { atMs, timeoutMs, source: 'timeout', stack: call?.limitStack });
}

interface PassedLimit {
  readonly timeoutMs: number | undefined;
  /** On the clock of performance.now(), in ms; undefined when nobody says when it began. */
  readonly sinceMs?: number;
}

function limitOf({ request, client, operation, bodySentAtMs }: Exchange, error: unknown): PassedLimit {
  switch (isErrorLike(error) ? error.code : undefined) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return {
        timeoutMs: request.headersTimeout ?? Number(hidden(client, 'headers timeout')),
        sinceMs: bodySentAtMs || operation.startedAtMs,
      };
    case 'UND_ERR_BODY_TIMEOUT':
      return { timeoutMs: request.bodyTimeout ?? Number(hidden(client, 'body timeout')) };
    case 'UND_ERR_CONNECT_TIMEOUT': {
      // Only the connector knows its limit, and tells it to people.
      const [, timeoutMs] = /timeout: (\d+)ms/.exec(String((error as Error).message)) ?? [];
      return { timeoutMs: Number(timeoutMs), sinceMs: operation.startedAtMs };
    }
    default:
      return { timeoutMs: undefined };
  }
}
