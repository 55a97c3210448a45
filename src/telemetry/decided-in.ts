import { type Span, trace } from '@opentelemetry/api';
import type { Cancellation, Operation } from '../operation/operation.ts';
import { parentSpanIdOf } from './official-span.ts';

/**
 * The span in which a cancel was decided, when it is neither the operation's own nor the one that
 * started it: of an inherited cancel its cause, of a local one the span that is active at the cancel.
 */
export function decidedIn(operation: Operation, cancellation: Cancellation): Span | undefined {
  if (cancellation.cause !== undefined) return cancellation.cause.span;
  if (cancellation.initiator !== 'local' || cancellation.outcome !== 'canceled') return undefined;
  const active = trace.getActiveSpan();
  const activeId = active?.spanContext().spanId;
  if (activeId === operation.span.spanContext().spanId || activeId === parentSpanIdOf(operation.span))
    return undefined;
  return active;
}
