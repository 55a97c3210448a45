/**
 * One integration between enable() and disable(): what it patches in Node, and in the files of packages,
 * loaded before or after.
 */
import { diag } from '@opentelemetry/api';
import {
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from '@opentelemetry/instrumentation';
import { createInstallation } from './hook/installation.ts';
import { loadedFiles } from './hook/loaded-files.ts';
import { type Undo, undoAll } from './hook/replace.ts';
import type { Host, Integration, PackageFile } from './integration.ts';
import { PACKAGE_NAME } from './version.ts';

/** What the base class does with a file of a package that is loaded. */
export type PatchLoaded = (
  definition: InstrumentationNodeModuleDefinition,
  moduleExports: unknown,
  name: string,
  baseDir: string,
) => unknown;

export class Part {
  readonly definitions: InstrumentationNodeModuleDefinition[];
  readonly #integration: Integration;
  readonly #host: Host;
  /** Every copy of every file that was loaded so far: the base class remembers only the last. */
  readonly #loaded: LoadedFile[] = [];
  /** How many of them were known when the application last called enable(). */
  #knownAtEnable = 0;
  #installation: ReturnType<typeof createInstallation> | undefined;
  #undos: Undo[] = [];

  constructor(integration: Integration, host: Host) {
    this.#integration = integration;
    this.#host = host;
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
    this.#attempt(() => install?.(this.#host, installation));
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
    this.#attempt(() => file.patch(moduleExports, this.#host, installation, version));
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
