/** The signal of a call fires: at the request that the call has become, or at none. */
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import { errorTypeOf } from '../../cancellation/reason.ts';
import type { Host } from '../../integration.ts';
import type { ClientPhase, Evidence } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { type Call, leaveQueue, letGo, toUnixMs } from './call.ts';
import { connectPhase } from './connecting.ts';
import { outlivesError } from './connection.ts';
import type { Exchange } from './exchange.ts';
import { codeToSend } from './http2-streams.ts';
import { keepErrorType } from './official-error-type.ts';
import { phaseOf } from './phase.ts';
import { unwatchSignal } from './signals.ts';
import { describeResult, describeTarget } from './span.ts';

/** @param phase how far it was, when it does not tell itself */
export function abortCall(host: Host, call: Call, signal: AbortSignal, phase?: ClientPhase): void {
  const { exchange } = call;
  const story = host.abortOrigins.explain(signal, signal.reason);
  if (exchange !== undefined && !exchange.operation.isSettled) {
    const rstCode = codeToSend(exchange, signal.reason);
    const evidence: Evidence = { kind: 'signal', phase: phase ?? phaseOf(exchange), rstCode, ...story };
    host.cancel(exchange.operation, evidence, outlivesError(exchange, signal.reason));
    settleExchange(host, exchange, signal.reason);
  } else if (exchange === undefined && call.expectsRequest) {
    reportCall(host, call, signal.reason, (connecting) => {
      return { kind: 'signal', phase: phase ?? connecting ?? 'queued', ...story };
    });
  }
}

/** @param error what it failed with or was cancelled by, if anything */
export function settleExchange(host: Host, exchange: Exchange, error: unknown): void {
  const { operation, call } = exchange;
  const { cancellation } = operation;
  if (!operation.ownsSpan && cancellation !== undefined && cancellation.initiator !== 'peer') {
    keepErrorType(operation.span, cancellation.outcome === 'canceled' ? undefined : errorTypeOf(error));
  }
  host.settle(operation, host.isEndTold(operation) ? describeResult(exchange, error) : undefined);
  if (call?.exchange === exchange) release(call);
}

/** Nothing of the call is in flight any more. */
export function release(call: Call): void {
  if (call.signal !== undefined) unwatchSignal(call.signal, call);
  letGo(call);
}

/**
 * A call that ends before there is a request: nobody else will ever make a span for it.
 * @param why is given the phase of a connection that the call may wait for
 */
export function reportCall(
  host: Host,
  call: Call,
  reason: unknown,
  why: (connecting: ClientPhase | undefined) => Evidence,
): void {
  const target = call.target?.();
  call.isReported = true;
  call.target = undefined;
  leaveQueue(call);
  if (target === undefined || host.isSuppressed()) return;
  const startTime = toUnixMs(call.startedAtMs);
  const operation = host.start({ ...describeTarget(target), startTime }, call.parent);
  if (call.signal !== undefined) setDeadline(host, operation, call.signal, call.startedAtMs);
  host.cancel(operation, why(connectPhase(target.origin)));
  const isLate = operation.cancellation?.outcome === 'deadline_exceeded';
  host.settle(operation, { attributes: isLate ? { [ATTR_ERROR_TYPE]: errorTypeOf(reason) } : undefined });
}

/** The limit that is in the signal, if any. */
export function setDeadline(
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
