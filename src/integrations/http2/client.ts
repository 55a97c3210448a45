/** Outgoing requests, from what is given to request() to an operation. */
import {
  type Headers as DeadlineHeaders,
  describeMalformed,
  readDeadlineHeaders,
} from '../../cancellation/deadline-headers.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Deadline, Operation } from '../../operation/operation.ts';
import { connectionOf } from './connection.ts';
import { describeRequest } from './description.ts';
import { Exchange } from './exchange.ts';
import { isGrpcJsRequest } from './grpc-js.ts';
import type { Session } from './internals.ts';
import { readHeaders } from './request-headers.ts';

/** @param above the hook. @returns undefined when the request is not to be recorded */
export function beginRequest(
  host: Host,
  session: Session,
  given: unknown,
  options: unknown,
  above: StackTop,
): Exchange | undefined {
  if (isGrpcJsRequest(given) || host.isSuppressed()) return undefined;
  const headers = readHeaders(given);
  if (headers === undefined || headers[':method'] === 'CONNECT') return undefined;
  const connection = connectionOf(session);
  if (connection.isForeign) return undefined;
  if (!session.connecting) connection.learnPeer();
  const signal = signalOf(options);
  const operation = host.start(describeRequest(headers, session));
  const deadline = deadlineOf(host, operation, headers as DeadlineHeaders, signal, above);
  if (deadline !== undefined) {
    host.setDeadline(operation, deadline);
    if (deadline.timeoutMs <= 0) {
      host.addFinding(operation, 'deadline_already_past', `${deadline.source}: ${deadline.timeoutMs} ms`);
    }
  }
  return new Exchange(operation, connection, signal);
}

function signalOf(options: unknown): AbortSignal | undefined {
  if (typeof options !== 'object' || options === null || !('signal' in options)) return undefined;
  return options.signal instanceof AbortSignal ? options.signal : undefined;
}

/** Where there are both, the one that comes first. */
function deadlineOf(
  host: Host,
  operation: Operation,
  headers: DeadlineHeaders,
  signal: AbortSignal | undefined,
  above: StackTop,
): Deadline | undefined {
  const { startedAtMs } = operation;
  const written = readDeadlineHeaders(headers, Date.now());
  for (const value of written?.malformed ?? []) {
    host.addFinding(operation, 'timeout_malformed', describeMalformed(value));
  }
  const ofSignal = signal && host.abortOrigins.deadlineOf(signal, startedAtMs);
  if (written?.header === undefined) return ofSignal;
  const { header, timeoutMs } = written;
  if (ofSignal !== undefined && ofSignal.timeoutMs <= timeoutMs) return ofSignal;
  const stack = host.captureDeadlineStack(above);
  return { atMs: startedAtMs + timeoutMs, timeoutMs, source: header, stack };
}
