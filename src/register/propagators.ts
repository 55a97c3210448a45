/** The propagators that OTEL_PROPAGATORS names, which the SDK for Node.js does not read by itself. */
import { createRequire } from 'node:module';
import type { TextMapPropagator } from '@opentelemetry/api';
import type { PropagatorName } from './environment.ts';

/** As a tracer provider's register() takes it: undefined stands for the default, null for none. */
export function propagatorOf(names: readonly PropagatorName[] | undefined): {
  propagator?: TextMapPropagator | null;
} {
  if (names === undefined) return {};
  if (names.length === 0) return { propagator: null };
  // The SDK's own copy: @opentelemetry/core is no dependency of the application.
  const require = createRequire(import.meta.url);
  const core = createRequire(require.resolve('@opentelemetry/sdk-trace-node'))(
    '@opentelemetry/core',
  ) as typeof import('@opentelemetry/core');
  const propagators = names.map((name) =>
    name === 'baggage' ? new core.W3CBaggagePropagator() : new core.W3CTraceContextPropagator(),
  );
  return { propagator: new core.CompositePropagator({ propagators }) };
}
