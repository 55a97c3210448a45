/** The time limits of a request: those of its signal, those that it sends in headers, and undici's own, for a connection, for the head of the response, and for the pause between two parts of its body. */
import { deadlineHeadersIn } from '../../cancellation/deadline-headers.ts';
import { isErrorLike } from '../../cancellation/reason.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Stack } from '../../operation/evidence.ts';
import type { Exchange } from './exchange.ts';
import { hidden } from './internals.ts';
import type { Watch } from './watch.ts';

/**
 * Those that are known from the start. Limits of a client, 300 s when nothing is said, are told only when they have passed.
 *
 * @param startedAtMs when the call was made that has the signal
 * @param above the hook, whose callers made the request
 */
export function setLimitsOf(
  host: Host,
  { request, operation, call }: Exchange,
  startedAtMs: number,
  above: StackTop | undefined,
): void {
  const { headers } = request;
  const sent = Array.isArray(headers) ? deadlineHeadersIn(headers) : undefined;
  const ofSignal = call?.signal && host.abortOrigins.deadlineOf(call.signal, startedAtMs);
  const timeoutMs = request.headersTimeout;
  let own = ofSignal;
  if (timeoutMs && !(ofSignal !== undefined && ofSignal.atMs <= operation.startedAtMs + timeoutMs)) {
    own = { atMs: operation.startedAtMs + timeoutMs, timeoutMs, source: 'timeout', stack: call?.limitStack };
  }
  if (sent !== undefined || own !== undefined) host.sendDeadline(operation, sent, own, above);
}

/**
 * Says which limit has passed, now that it has: it began when there was something to wait for.
 *
 * @returns the stack of whoever set it
 */
export function limitPassed({ host, madeBy }: Watch, exchange: Exchange, error: unknown): Stack | undefined {
  const { operation, call, dispatcher } = exchange;
  const { timeoutMs, defaultMs, sinceMs } = limitOf(exchange, error);
  if (timeoutMs === undefined || !(timeoutMs > 0)) return undefined;
  let stack = call?.limitStack;
  if (defaultMs !== undefined) {
    stack = dispatcher === undefined || timeoutMs === defaultMs ? undefined : madeBy.get(dispatcher);
  }
  const nowMs = performance.now();
  const atMs = sinceMs === undefined ? nowMs : Math.min(nowMs, sinceMs + timeoutMs);
  host.setDeadline(operation, { atMs, timeoutMs, source: 'timeout', stack });
  return stack;
}

/** What undici takes when nothing is said, in ms. */
const DEFAULT_MS = 300_000;
const DEFAULT_CONNECT_MS = 10_000;

interface PassedLimit {
  readonly timeoutMs: number | undefined;
  /** Of a limit that every request of the dispatcher has: what it is unless the application says otherwise, in ms. */
  readonly defaultMs?: number | undefined;
  /** On the clock of performance.now(), in ms; undefined when nobody says when it began. */
  readonly sinceMs?: number;
}

function limitOf({ request, client, operation, bodySentAtMs }: Exchange, error: unknown): PassedLimit {
  switch (isErrorLike(error) ? error.code : undefined) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return {
        timeoutMs: request.headersTimeout ?? Number(hidden(client, 'headers timeout')),
        defaultMs: request.headersTimeout == null ? DEFAULT_MS : undefined,
        sinceMs: bodySentAtMs || operation.startedAtMs,
      };
    case 'UND_ERR_BODY_TIMEOUT':
      return {
        timeoutMs: request.bodyTimeout ?? Number(hidden(client, 'body timeout')),
        defaultMs: request.bodyTimeout == null ? DEFAULT_MS : undefined,
      };
    case 'UND_ERR_CONNECT_TIMEOUT': {
      // Only the connector knows its limit, and tells it to people.
      const [, timeoutMs] = /timeout: (\d+)ms/.exec(String((error as Error).message)) ?? [];
      const sinceMs = operation.startedAtMs;
      return { timeoutMs: Number(timeoutMs), defaultMs: DEFAULT_CONNECT_MS, sinceMs };
    }
    default:
      return { timeoutMs: undefined };
  }
}
