/** The time limit of an outgoing request: of its `timeout`, or of a timeout signal. */
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { ClientExchange } from './client-exchange.ts';
import type { OutgoingRequest } from './internals.ts';

/** Where there are both, the one that comes first. */
export function setDeadlineOf(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  above: StackTop,
): void {
  const { signal, operation } = exchange;
  const { timeout } = request;
  const ofSignal = signal && host.abortOrigins.deadlineOf(signal, operation.startedAtMs);
  if (ofSignal !== undefined && (!timeout || ofSignal.timeoutMs <= timeout)) {
    host.setDeadline(operation, ofSignal);
  } else if (timeout) {
    setIdleLimit(host, exchange, timeout, above);
  }
}

/** A limit for how long the connection may be silent: it starts again with every byte. */
export function setIdleLimit(host: Host, exchange: ClientExchange, timeoutMs: number, above: StackTop): void {
  host.setDeadline(exchange.operation, {
    atMs: performance.now() + timeoutMs,
    timeoutMs,
    source: 'timeout',
    stack: host.captureDeadlineStack(above),
  });
}
