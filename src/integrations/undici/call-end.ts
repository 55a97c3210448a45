/** The signal of a call fires: at the request that the call has become, or at none. */
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import { type Call, letGo } from './call.ts';
import type { Exchange } from './exchange.ts';
import { keepErrorType } from './official-error-type.ts';
import { phaseOf } from './phase.ts';
import { unwatchSignal } from './signals.ts';
import { describeResult, describeTarget, typeOf } from './span.ts';

export function abortCall(host: Host, call: Call, signal: AbortSignal): void {
  const { exchange } = call;
  if (exchange !== undefined && !exchange.operation.isSettled) {
    cancelBySignal(host, exchange, signal);
    settleExchange(host, exchange, signal.reason);
  } else if (exchange === undefined && call.expectsRequest) {
    reportCall(host, call, (operation) => {
      const story = host.abortOrigins.explain(signal, signal.reason);
      host.cancel(operation, { kind: 'signal', phase: 'queued', ...story });
    });
  }
}

export function cancelBySignal(host: Host, exchange: Exchange, signal: AbortSignal): void {
  const story = host.abortOrigins.explain(signal, signal.reason);
  host.cancel(exchange.operation, { kind: 'signal', phase: phaseOf(exchange), ...story });
}

/** @param error what it failed with or was cancelled by, if anything */
export function settleExchange(host: Host, exchange: Exchange, error: unknown): void {
  const { operation, call } = exchange;
  const { cancellation } = operation;
  if (!operation.ownsSpan && cancellation !== undefined && cancellation.initiator !== 'peer') {
    keepErrorType(operation.span, cancellation.outcome === 'canceled' ? undefined : typeOf(error));
  }
  host.settle(operation, operation.ownsSpan ? describeResult(exchange, error) : undefined);
  if (call === undefined || call.exchange !== exchange) return;
  if (call.signal !== undefined) unwatchSignal(call.signal, call);
  letGo(call);
}

/** A call that ends before there is a request: nobody else will ever make a span for it. */
export function reportCall(host: Host, call: Call, cancel: (operation: Operation) => void): void {
  const target = call.target?.();
  call.isReported = true;
  call.target = undefined;
  if (target === undefined || host.isSuppressed()) return;
  const { signal } = call;
  const description = { ...describeTarget(target), startTime: call.startedAt };
  const operation = host.start(description, call.parent);
  const limit = signal && host.abortOrigins.limitOf(signal);
  if (limit !== undefined) {
    const timeoutMs = limit.atMs - operation.startedAtMs;
    host.setDeadline(operation, { atMs: limit.atMs, timeoutMs, source: 'signal', stack: limit.stack });
  }
  cancel(operation);
  const attributes =
    operation.cancellation?.outcome === 'deadline_exceeded'
      ? { 'error.type': typeOf(signal?.reason) }
      : undefined;
  host.settle(operation, { attributes });
}
