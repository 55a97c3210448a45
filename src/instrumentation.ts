/** The composition root: integrations see operations, the recorder makes spans and metrics of them. */
import { diag } from '@opentelemetry/api';
import {
  InstrumentationBase,
  type InstrumentationNodeModuleDefinition,
} from '@opentelemetry/instrumentation';
import { AbortOrigins } from './cancellation/abort-origins.ts';
import { type CancellationInstrumentationConfig, type ResolvedConfig, resolveConfig } from './config.ts';
import { watchLateWrites } from './hook/late-writes.ts';
import { defaultIntegrations } from './integrations/index.ts';
import { Part, type PatchLoaded } from './part.ts';
import { Recorder } from './telemetry/recorder.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.ts';

/**
 * Records who cancelled a gRPC call or HTTP request, why, how far it was, and the stack of the cancel.
 * Best registered before the instrumented modules are loaded: of those that are loaded already it sees what
 * can still be seen, and says through diag what cannot.
 *
 * @throws {TypeError | RangeError} for an unknown option or a bad value, naming the option and what is accepted
 */
export class CancellationInstrumentation extends InstrumentationBase<CancellationInstrumentationConfig> {
  // The base class calls init() and enable() before fields get their initial values: `declare` adds none.
  declare private parts: Part[];
  declare private recorder: Recorder;

  constructor(config: CancellationInstrumentationConfig = {}) {
    resolveConfig(config, defaultIntegrations);
    super(PACKAGE_NAME, PACKAGE_VERSION, config);
  }

  protected override init(): InstrumentationNodeModuleDefinition[] {
    const config: ResolvedConfig = resolveConfig(this.getConfig(), defaultIntegrations);
    this.recorder = new Recorder(config, new AbortOrigins(), () => this.tracer, watchLateWrites);
    this.recorder.measureBy(this.meter);
    this.parts = config.integrations.map((integration) => new Part(integration, this.recorder));
    return this.parts.flatMap((part) => part.definitions);
  }

  /** The base class calls this with the options of the constructor, too. Later ones are refused: nothing would read them. */
  override setConfig(config: CancellationInstrumentationConfig): void {
    if (this.parts === undefined) super.setConfig(config);
    else diag.warn(`${PACKAGE_NAME}: setConfig() has no effect; options are given to the constructor`);
  }

  /** The base class calls this when it is given a MeterProvider, and once before there is a recorder. */
  protected override _updateMetricInstruments(): void {
    this.recorder?.measureBy(this.meter);
  }

  override enable(): void {
    for (const part of this.parts) part.enable();
    this.recorder.open();
    super.enable();
    const { _onRequire } = this as unknown as { readonly _onRequire?: PatchLoaded };
    // Private to the base class, which knows the versions; without it, late is too late.
    if (typeof _onRequire !== 'function') return;
    for (const part of this.parts) part.patchLoaded(_onRequire.bind(this));
  }

  override disable(): void {
    super.disable();
    // Last first: two of them may have replaced the same method.
    for (const part of this.parts.toReversed()) part.disable();
    this.recorder.close();
    this.recorder.abandon();
  }

  /**
   * Records what would otherwise be lost when the process ends: handlers that are still at work for an
   * operation that was cancelled. To be called before the last flush; `register` does.
   */
  recordUnfinished(): void {
    this.recorder.close();
  }
}
