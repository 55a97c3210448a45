/** The propagators that OTEL_PROPAGATORS names. */
import type { TextMapPropagator } from '@opentelemetry/api';
import type { PropagatorName } from './environment.ts';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from './sdk-packages.ts';

/** Undefined when there is none. */
export function propagatorOf(names: readonly PropagatorName[]): TextMapPropagator | undefined {
  if (names.length === 0) return undefined;
  const propagators = names.map((name) =>
    name === 'baggage' ? new W3CBaggagePropagator() : new W3CTraceContextPropagator(),
  );
  return new CompositePropagator({ propagators });
}
