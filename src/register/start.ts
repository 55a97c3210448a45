/** What register does: the SDK, unless another one is there, and the instrumentation. */
import { DiagConsoleLogger, diag } from '@opentelemetry/api';
import { CancellationInstrumentation } from '../instrumentation.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { flushAtExit } from './exit.ts';
import { hasTracerProvider, startSdk } from './sdk.ts';
import type { Warn } from './variables.ts';

export function start(warn: Warn): void {
  const environment = readEnvironment(process.env, warn);
  if (environment.isDisabled) return;
  if (environment.logLevel !== undefined) {
    diag.setLogger(new DiagConsoleLogger(), { logLevel: environment.logLevel });
  }
  // Another SDK that was set up before us keeps its provider, exporter and exit handling.
  if (!hasTracerProvider()) {
    const sendNow = startSdk(environment);
    flushAtExit(() => {
      instrumentation.recordUnfinished();
      sendNow();
    });
  }
  const instrumentation = createInstrumentation(environment, warn);
}

function createInstrumentation(environment: Environment, warn: Warn): CancellationInstrumentation {
  try {
    return new CancellationInstrumentation(environment.instrumentationConfig);
  } catch (error) {
    warn(`OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: ${(error as Error).message} Going on with the defaults.`);
    return new CancellationInstrumentation();
  }
}
