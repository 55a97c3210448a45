/**
 * Zero-code entry: `node --import opentelemetry-instrumentation-cancellation/register app.js`
 * (or `--require`). Sets up a tracer provider, a batching OTLP/HTTP exporter and the instrumentation,
 * all by the usual OTEL_* variables, and sends what is left when the process ends.
 *
 * Whatever is wrong with the set-up is said in one line on stderr; the application always starts.
 */
import { DiagConsoleLogger, diag } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { CancellationInstrumentation } from './instrumentation.ts';
import { type Environment, readEnvironment } from './register/environment.ts';
import { flushAtExit } from './register/exit.ts';
import { hasTracerProvider, startSdk } from './register/sdk.ts';
import { PACKAGE_NAME } from './version.ts';

function warn(message: string): void {
  process.stderr.write(`${PACKAGE_NAME}: ${message}\n`);
}

function createInstrumentation(environment: Environment): CancellationInstrumentation {
  try {
    return new CancellationInstrumentation(environment.instrumentationConfig);
  } catch (error) {
    warn(`OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: ${(error as Error).message} Going on with the defaults.`);
    return new CancellationInstrumentation();
  }
}

function register(): void {
  const environment = readEnvironment(process.env, warn);
  if (environment.isDisabled) return;
  if (environment.logLevel !== undefined) {
    diag.setLogger(new DiagConsoleLogger(), { logLevel: environment.logLevel });
  }
  // Another SDK that was set up before us keeps its provider, exporter and exit handling.
  if (!hasTracerProvider()) {
    const sendNow = startSdk(environment, warn);
    if (sendNow === undefined) return;
    flushAtExit(() => {
      instrumentation.recordUnfinished();
      sendNow();
    });
  }
  const instrumentation = createInstrumentation(environment);
  registerInstrumentations({ instrumentations: [instrumentation] });
}

try {
  register();
} catch (error) {
  warn(`not started: ${String(error)}. The application runs without cancellation telemetry.`);
}
