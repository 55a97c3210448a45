/** The composition root: integrations see operations, the recorder makes spans of them. */
import { diag } from '@opentelemetry/api';
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from '@opentelemetry/instrumentation';
import { AbortOrigins } from './cancellation/abort-origins.ts';
import { type CancellationInstrumentationConfig, type ResolvedConfig, resolveConfig } from './config.ts';
import { createInstallation } from './hook/installation.ts';
import { watchLateWrites } from './hook/late-writes.ts';
import { loadedFiles } from './hook/loaded-files.ts';
import { type Undo, undoAll } from './hook/replace.ts';
import type { Integration, PackageFile } from './integration.ts';
import { defaultIntegrations } from './integrations/index.ts';
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
    this.parts = config.integrations.map((integration) => new Part(integration, this.recorder));
    return this.parts.flatMap((part) => part.definitions);
  }

  /** The base class calls this with the options of the constructor, too. Later ones are refused: nothing would read them. */
  override setConfig(config: CancellationInstrumentationConfig): void {
    if (this.parts === undefined) super.setConfig(config);
    else diag.warn(`${PACKAGE_NAME}: setConfig() has no effect; options are given to the constructor`);
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
    for (const part of this.parts) part.disable();
    this.recorder.close();
  }

  /**
   * Records what would otherwise be lost when the process ends: handlers that are still at work for an
   * operation that was cancelled. To be called before the last flush; `register` does.
   */
  recordUnfinished(): void {
    this.recorder.close();
  }
}

/** What the base class does with a file of a package that is loaded. */
type PatchLoaded = (
  definition: InstrumentationNodeModuleDefinition,
  moduleExports: unknown,
  name: string,
  baseDir: string,
) => unknown;

/** One integration between enable() and disable(). */
class Part {
  readonly definitions: InstrumentationNodeModuleDefinition[];
  readonly #integration: Integration;
  readonly #recorder: Recorder;
  /** Every copy of every file that was loaded so far: the base class remembers only the last. */
  readonly #loaded: LoadedFile[] = [];
  /** How many of them were known when the application last called enable(). */
  #knownAtEnable = 0;
  #installation: ReturnType<typeof createInstallation> | undefined;
  #undos: Undo[] = [];

  constructor(integration: Integration, recorder: Recorder) {
    this.#integration = integration;
    this.#recorder = recorder;
    this.definitions = definitionsFor(integration.files ?? [], (file, hooked, version) => {
      const moduleExports = exportsOf(hooked);
      if (this.#loaded.some((known) => known.file === file && known.moduleExports === moduleExports)) return;
      const loaded = { file, moduleExports, version };
      this.#loaded.push(loaded);
      this.#patchFile(loaded);
    });
  }

  enable(): void {
    this.#knownAtEnable = this.#loaded.length;
    if (this.#installation !== undefined) return;
    const { name, install } = this.#integration;
    const installation = createInstallation((message, error) =>
      diag.error(`${PACKAGE_NAME}: ${name}: ${message}`, error),
    );
    this.#installation = installation;
    this.#attempt(() => install?.(this.#recorder, installation));
    for (const loaded of this.#loaded) this.#patchFile(loaded);
  }

  /** Files that were loaded when no hook was there to see it. */
  patchLoaded(patch: PatchLoaded): void {
    for (const definition of this.definitions) {
      const names = new Set(definition.files.map(({ name }) => name));
      for (const { name, baseDir, moduleExports } of loadedFiles(definition.name)) {
        if (names.has(name)) patch(definition, moduleExports, name, baseDir);
      }
      const late = this.#loaded.slice(this.#knownAtEnable).map(({ file }) => file);
      const missed = new Set(
        late.flatMap(({ packageName, missedWhenLate }) =>
          packageName === definition.name && missedWhenLate !== undefined ? missedWhenLate : [],
        ),
      );
      if (missed.size === 0) continue;
      const what = `${PACKAGE_NAME}: ${definition.name} was loaded before this instrumentation was enabled`;
      diag.warn(`${what}: ${[...missed].join(' and ')} are not seen`);
    }
  }

  disable(): void {
    this.#installation?.close();
    this.#installation = undefined;
    undoAll(this.#undos);
    this.#undos = [];
  }

  #patchFile({ file, moduleExports, version }: LoadedFile): void {
    const installation = this.#installation;
    if (installation === undefined) return;
    this.#attempt(() => file.patch(moduleExports, this.#recorder, installation, version));
  }

  #attempt(install: () => Undo | undefined): void {
    try {
      const undo = install();
      if (undo !== undefined) this.#undos.push(undo);
    } catch (error) {
      diag.error(`${PACKAGE_NAME}: ${this.#integration.name}: could not be installed`, error);
    }
  }
}

/** A loader hands over what an ES module sees of a CommonJS file: a namespace, with the exports as its default. */
function exportsOf(hooked: unknown): unknown {
  if (typeof hooked !== 'object' || hooked === null) return hooked;
  const { [Symbol.toStringTag]: tag, default: moduleExports } = hooked as Record<PropertyKey, unknown>;
  return tag === 'Module' ? moduleExports : hooked;
}

interface LoadedFile {
  readonly file: PackageFile;
  readonly moduleExports: unknown;
  readonly version: string | undefined;
}

type PatchFile = (file: PackageFile, moduleExports: unknown, version: string | undefined) => void;

function definitionsFor(
  files: readonly PackageFile[],
  patch: PatchFile,
): InstrumentationNodeModuleDefinition[] {
  const definitions = new Map<string, InstrumentationNodeModuleDefinition>();
  for (const file of files) {
    const { packageName, supportedVersions, path } = file;
    const versions = [...supportedVersions];
    const definition =
      definitions.get(packageName) ?? new InstrumentationNodeModuleDefinition(packageName, versions);
    definitions.set(packageName, definition);
    definition.files.push(
      new InstrumentationNodeModuleFile(
        `${packageName}/${path}`,
        versions,
        (moduleExports, version) => {
          patch(file, moduleExports, version);
          return moduleExports;
        },
        () => undefined, // undone in Part.disable(), for every copy that was loaded
      ),
    );
  }
  return [...definitions.values()];
}
