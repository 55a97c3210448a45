/** A vendor's tracer has spans of its own that are not marked: said once, with what to do. Whoever looks there finds nothing. */
import { globalProvider } from '../global-api.ts';
import { sayOnce } from './say-once.ts';
import { isDatadogHere, isDatadogProvider, makesSpans, sentryClient } from './vendors.ts';

/** It was written on a span of ours, while a vendor's tracer has one of its own for the same operation. */
export function sayUnmarked(): void {
  if (!isDatadogHere() && sentryClient() === undefined) return;
  for (const reason of whyUnmarked()) sayOnce(reason);
}

export function whyUnmarked(): string[] {
  const reasons: string[] = [];
  if (isDatadogHere() && !isDatadogProvider(globalProvider())) {
    reasons.push(
      'the spans of dd-trace are not marked: they are not in the context of OpenTelemetry, whose SDK is another. ' +
        'To have them marked, set up none, and register the one of dd-trace: new tracer.TracerProvider().register()',
    );
  }
  const sentry = sentryClient();
  if (sentry !== undefined && makesSpans(sentry) && sentry.traceProvider !== globalProvider()) {
    reasons.push(
      'the spans of @sentry/node are not marked: those of the SDK of OpenTelemetry are. To have them marked, let ' +
        'Sentry be that SDK, and set up no other: Sentry.init({ enableOpenTelemetrySetup: true, … })',
    );
  }
  return reasons;
}
