/** What register does: the SDK, unless another one is there, and the instrumentation. */
import { DiagConsoleLogger, DiagLogLevel, diag, metrics } from '@opentelemetry/api';
import { globalApi, globalProvider, ONE_VERSION } from '../global-api.ts';
import { CancellationInstrumentation } from '../instrumentation.ts';
import { endsBySignal, watchProcessEnd } from '../process-end.ts';
import { watchSignals } from '../process-signals.ts';
import { hearComplaint, tellDoctorOfRegister } from '../self-report.ts';
import { PACKAGE_NAME } from '../version.ts';
import { announce, reportOf } from './announcement.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { giveWay } from './give-way.ts';
import { startSdk } from './sdk.ts';
import type { Warn } from './variables.ts';

export function start(say: Warn): void {
  const warn: Warn = (message) => {
    hearComplaint('register', message);
    say(message);
  };
  const environment = readEnvironment(process.env, warn);
  if (environment.isDisabled) return;
  const { logLevel } = environment;
  // One that the application, or an SDK, has set would have to be replaced, and says so at length.
  if (logLevel !== undefined && globalApi()?.diag === undefined)
    diag.setLogger(new DiagConsoleLogger(), { logLevel });
  const isQuiet = logLevel === DiagLogLevel.NONE;
  const sayUnlessQuiet: Warn = isQuiet ? () => {} : warn;
  // Another SDK that was set up before us keeps its provider, exporter and exit handling.
  const sdk = globalProvider() === undefined ? startSdk(environment, sayUnlessQuiet) : undefined;
  // In this order: the instrumentation records in between.
  if (sdk !== undefined) watchProcessEnd(() => sdk.expectEnd());
  const instrumentation = createInstrumentation(environment, warn);
  if (sdk !== undefined) {
    watchProcessEnd(({ unrecorded }) => {
      sdk.sendNow();
      if (unrecorded > 0) sayUnlessQuiet(tooMany(unrecorded));
    });
    watchSignals(
      { told: (signal) => instrumentation.shutdownBegins(signal), ends: endsBySignal },
      (message, error) => diag.error(`${PACKAGE_NAME}: signals: ${message}`, error),
    );
  }
  if (environment.keepsCancelled && sdk === undefined) sayUnlessQuiet(NOT_KEPT);
  giveWay(sdk?.globals ?? [], {
    taken(name) {
      if (name === 'metrics') instrumentation.setMeterProvider(metrics.getMeterProvider());
      if (name !== 'trace' || sdk === undefined) return;
      sdk.giveWay();
      diag.info(`${PACKAGE_NAME}: an SDK was set up after register: it makes the spans from now on`);
      if (environment.keepsCancelled) sayUnlessQuiet(NOT_KEPT);
    },
    refused() {
      sayUnlessQuiet(REFUSED);
    },
  });
  tellDoctorOfRegister(() => reportOf(instrumentation, environment, sdk));
  if (logLevel !== undefined && logLevel >= DiagLogLevel.INFO) announce(instrumentation, environment, sdk);
}

const NOT_KEPT =
  'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED has no effect: another SDK makes the spans. ' +
  'Give that one CancellationSampler and CancellationSpanProcessor.';
function tooMany(unrecorded: number): string {
  const what = unrecorded === 1 ? '1 operation was' : `${unrecorded} operations were`;
  return `${what} in flight when the process ended, and not recorded: there were too many.`;
}
const REFUSED = `an SDK of another version of @opentelemetry/api was refused, and exports nothing. ${ONE_VERSION}`;

function createInstrumentation(environment: Environment, warn: Warn): CancellationInstrumentation {
  try {
    return new CancellationInstrumentation(environment.instrumentationConfig);
  } catch (error) {
    warn(`OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: ${(error as Error).message} Going on with the defaults.`);
    return new CancellationInstrumentation();
  }
}
