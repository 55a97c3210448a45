/** The composition root: integrations see operations, the recorder makes spans and metrics of them. */
import {
  diag,
  type MeterProvider,
  metrics,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { AbortOrigins } from './cancellation/abort-origins.ts';
import type { CancellationInstrumentationConfig } from './config.ts';
import { currentProvider, globalProvider, providerName } from './global-api.ts';
import { createInstallation } from './hook/installation.ts';
import { watchLateWrites } from './hook/late-writes.ts';
import { loadedFiles, watchFiles } from './hook/loaded-files.ts';
import type { Undo } from './hook/replace.ts';
import { watchSpanStarts } from './hook/span-starts.ts';
import { keepAlive } from './hook/unhandled.ts';
import { defaultIntegrations } from './integrations/index.ts';
import { isStopReason } from './operation/stop-reason.ts';
import { Part } from './part.ts';
import { type EndingProcess, endedHere, watchProcessEnd } from './process-end.ts';
import { resolveConfig } from './resolved-config.ts';
import { complain, type InstanceReport, tellDoctor } from './self-report.ts';
import { Recorder } from './telemetry/recorder.ts';
import { addSystem } from './telemetry/systems.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.ts';

/**
 * Records who cancelled a gRPC call or HTTP request, why, how far it was, and the stack of the cancel.
 * Best registered before the instrumented modules are loaded: of those that are loaded already it sees what
 * can still be seen, and says through diag what cannot.
 *
 * Has the interface `Instrumentation` of `@opentelemetry/instrumentation`, of every version, without that package:
 * `registerInstrumentations()` and `NodeSDK` take it. Switched on from the start unless `enabled` is false; until it
 * is given a provider, it uses the global one.
 *
 * @throws {TypeError | RangeError} for an unknown option or a bad value, naming the option and what is accepted
 */
export class CancellationInstrumentation {
  readonly instrumentationName: string = PACKAGE_NAME;
  readonly instrumentationVersion: string = PACKAGE_VERSION;
  readonly #config: CancellationInstrumentationConfig;
  readonly #recorder: Recorder;
  readonly #parts: readonly Part[];
  readonly #packageNames: readonly string[];
  #tracer: Tracer = trace.getTracer(PACKAGE_NAME, PACKAGE_VERSION);
  #unwatch: Undo | undefined;
  #unwatchEnd: Undo | undefined;
  #isSecondSaid = false;
  /** Takes out what keeps the process alive. */
  #release: Undo | undefined;

  constructor(config: CancellationInstrumentationConfig = {}) {
    const resolved = resolveConfig(config, defaultIntegrations);
    this.#config = { ...config, enabled: config.enabled ?? true };
    const installation = createInstallation(
      (message, error) => diag.error(`${PACKAGE_NAME}: ${message}`, error),
      Number.POSITIVE_INFINITY,
    );
    this.#recorder = new Recorder(new AbortOrigins(), {
      config: resolved,
      tracer: () => this.#tracer,
      watchLateWrites,
      watchStarts: (processor, see) => watchSpanStarts(processor, installation, see),
      guard: installation.guard,
    });
    this.setMeterProvider(metrics.getMeterProvider());
    for (const { systems = [] } of resolved.integrations) systems.forEach(addSystem);
    this.#parts = resolved.integrations
      .filter(({ needs }) => needs === undefined || resolved.propagate.cancel)
      .map((integration) => new Part(integration, this.#recorder));
    this.#packageNames = [...new Set(this.#parts.flatMap(({ packageNames }) => packageNames))];
    tellDoctor(() => this.#report());
    if (this.#config.enabled === true) this.enable();
  }

  setTracerProvider(tracerProvider: TracerProvider): void {
    this.#tracer = tracerProvider.getTracer(PACKAGE_NAME, PACKAGE_VERSION);
  }

  setMeterProvider(meterProvider: MeterProvider): void {
    this.#recorder.measureBy(meterProvider.getMeter(PACKAGE_NAME, PACKAGE_VERSION));
  }

  /** What the constructor was given. */
  getConfig(): CancellationInstrumentationConfig {
    return this.#config;
  }

  /** Refused: nothing would read other options than those of the constructor. */
  setConfig(_config: CancellationInstrumentationConfig): void {
    diag.warn(`${PACKAGE_NAME}: setConfig() has no effect; options are given to the constructor`);
  }

  /** Has no effect when it is on. */
  enable(): void {
    this.#unwatchEnd ??= watchProcessEnd((ending) => this.#recordUnfinished(ending));
    for (const part of this.#parts) part.enable();
    this.#saySecond();
    this.#recorder.open();
    if (this.#recorder.passesCancelsOn) this.#release ??= keepAlive(isStopReason);
    if (this.#packageNames.length === 0) return;
    this.#unwatch ??= watchFiles(this.#packageNames, (file) => {
      for (const part of this.#parts) part.see(file);
    });
    const files = loadedFiles(this.#packageNames);
    for (const part of this.#parts) part.seeLate(files);
  }

  #saySecond(): void {
    const names = this.#parts.filter((part) => part.isStandingBack).map(({ name }) => name);
    if (names.length === 0 || this.#isSecondSaid) return;
    this.#isSecondSaid = true;
    const what = `another instance, such as that of register, instruments ${names.join(', ')} already`;
    complain('second', `${what}: this one stands back, with its options, until that one is disabled`);
  }

  /**
   * Names of the integrations that are on now: without those that stand back behind another instance, could not be installed, or
   * have switched themselves off after too many failures.
   */
  get instruments(): readonly string[] {
    return this.#parts.filter((part) => part.isInstalled).map(({ name }) => name);
  }

  #report(): InstanceReport {
    return {
      version: PACKAGE_VERSION,
      integrations: this.instruments,
      standsBack: this.#parts.filter((part) => part.isStandingBack).map(({ name }) => name),
      late: [...new Set(this.#parts.flatMap(({ latePackages }) => [...latePackages]))],
      provider: globalProvider() && providerName(),
      sampler: samplerName(),
      invisible: this.#recorder.whyInvisible(),
    };
  }

  /** Has no effect when it is off. */
  disable(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#unwatchEnd?.();
    this.#unwatchEnd = undefined;
    // Last first: two of them may have replaced the same method.
    for (const part of this.#parts.toReversed()) part.disable();
    this.#release?.();
    this.#release = undefined;
    this.#recorder.close();
    this.#recorder.abandon();
    for (const part of this.#parts) part.letNextBegin();
  }

  /**
   * Says that the process was told to end by a signal: what becomes of its operations from now on is recorded as its
   * shutdown. Without it that begins with the first `close()` of a server. `register` does it for SIGTERM and SIGINT.
   */
  shutdownBegins(signal: 'SIGTERM' | 'SIGINT'): void {
    this.#recorder.shutdownBegins(signal);
  }

  /**
   * Records what would otherwise be lost when the process ends: every operation that is in flight, as cancelled by that end, and
   * handlers that are still at work for one that was cancelled before. To be called last before the SDK is shut down, since
   * nothing takes a record back. At the `exit` event it is done by itself: in time for `register`, and for
   * span processors that export synchronously.
   *
   * @param reason what ends the process, such as the name of a signal
   */
  recordUnfinished(reason?: unknown): void {
    this.#recordUnfinished(endedHere(reason, this.recordUnfinished));
  }

  #recordUnfinished(ending: EndingProcess): void {
    this.#recorder.close();
    ending.unrecorded += this.#recorder.endWithProcess(ending.how, ending.untilMs);
  }
}

/** Of the SDK, in its own words. Undefined where its tracers do not tell, which is nothing public. */
function samplerName(): string | undefined {
  // The tracer that instances of this package have anyway.
  const tracer = currentProvider().getTracer(PACKAGE_NAME, PACKAGE_VERSION) as {
    readonly _sampler?: unknown;
  };
  return tracer._sampler === undefined ? undefined : String(tracer._sampler);
}
