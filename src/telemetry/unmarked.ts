/**
 * What a cancel is not written on, though somebody will look for it there: said once, with what to do. Whoever looks finds
 * nothing at all otherwise.
 */
import { diag } from '@opentelemetry/api';
import { globalApi, globalProvider, ONE_VERSION } from '../global-api.ts';
import { PACKAGE_NAME } from '../version.ts';
import { isDatadogHere, isDatadogProvider, makesSpans, sentryClient } from './vendors.ts';

const said = new Set<string>();

/**
 * There is no span to write it on. Where there is a logger, it has heard of that before (visibility.ts).
 * @param isCounted in metrics, for which no tracer provider is needed
 */
export function sayLost(isCounted: boolean): void {
  if (isCounted || globalProvider() !== undefined || globalApi()?.diag !== undefined) return;
  sayOnce(`a cancel was seen, but there is no span to write it on: ${whyNoProvider()}`);
}

/** It was written on a span of ours, while a vendor's tracer has one of its own for the same operation. */
export function sayUnmarked(): void {
  if (isDatadogHere() && !isDatadogProvider(globalProvider())) {
    sayOnce(
      'the spans of dd-trace are not marked: they are not in the context of OpenTelemetry, whose SDK is another. ' +
        'To have them marked, set up none, and register the one of dd-trace: new tracer.TracerProvider().register()',
    );
  }
  const sentry = sentryClient();
  if (sentry !== undefined && makesSpans(sentry) && sentry.traceProvider !== globalProvider()) {
    sayOnce(
      'the spans of @sentry/node are not marked: those of the SDK of OpenTelemetry are. To have them marked, let ' +
        'Sentry be that SDK, and set up no other: Sentry.init({ enableOpenTelemetrySetup: true, … })',
    );
  }
}

/** For whoever has to set one, and what to do. */
export function whyNoProvider(): string {
  const api = globalApi();
  if (api?.trace !== undefined) {
    return (
      `the tracer provider was set through @opentelemetry/api ${api.version}, another version than the one this package has. ` +
      ONE_VERSION
    );
  }
  if (isDatadogHere()) {
    return 'dd-trace keeps its spans to itself. After tracer.init(), call: new tracer.TracerProvider().register()';
  }
  if (sentryClient() !== undefined) {
    return 'Sentry makes no spans. Give Sentry.init() a tracesSampleRate, or set up an SDK of OpenTelemetry.';
  }
  return 'no tracer provider is set, so no span is recorded. Set up an SDK, or start node with --import …/register.';
}

function sayOnce(text: string): void {
  if (said.has(text) || process.env.OTEL_LOG_LEVEL?.toUpperCase() === 'NONE') return;
  said.add(text);
  const line = `${PACKAGE_NAME}: ${text}`;
  // Without a logger nobody hears what is told to diag.
  if (globalApi()?.diag !== undefined) diag.warn(line);
  else process.stderr.write(`${line}\n`);
}
