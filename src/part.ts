/**
 * One integration between enable() and disable(): what it patches in Node, and in the files of packages,
 * loaded before or after.
 */
import { diag } from '@opentelemetry/api';
import satisfies from 'semver/functions/satisfies.js';
import { createInstallation } from './hook/installation.ts';
import { type LoadedFile, versionIn } from './hook/loaded-files.ts';
import { type Undo, undoAll } from './hook/replace.ts';
import type { Host } from './host.ts';
import type { Integration, PackageFile } from './integration.ts';
import { beginInTurn, leaveTurn } from './one-of-each.ts';
import { complain, hearComplaint } from './self-report.ts';
import { PACKAGE_NAME } from './version.ts';

export class Part {
  readonly packageNames: readonly string[];
  readonly #files: readonly PackageFile[];
  readonly #integration: Integration;
  readonly #host: Host;
  /** Every copy of every file that was loaded so far. */
  readonly #known: KnownFile[] = [];
  /** Packages and versions that nobody has tried, once each. */
  readonly #unsupported = new Set<string>();
  #installation: ReturnType<typeof createInstallation> | undefined;
  #undos: Undo[] = [];
  #isEnabled = false;
  readonly #begin = (): void => this.#install();

  constructor(integration: Integration, host: Host) {
    this.#integration = integration;
    this.#host = host;
    this.#files = integration.files ?? [];
    this.packageNames = [...new Set(this.#files.map(({ packageName }) => packageName))];
  }

  /** Packages of which files were loaded before anybody looked. */
  readonly latePackages: Set<string> = new Set();

  get name(): string {
    return this.#integration.name;
  }

  /** Enabled, but another instance has the integration already: begins when that is switched off. */
  get isStandingBack(): boolean {
    return this.#isEnabled && this.#installation === undefined;
  }

  /** False also when it could not be installed, and after it has switched itself off. */
  get isInstalled(): boolean {
    return this.#installation?.isActive === true;
  }

  enable(): void {
    if (this.#isEnabled) return;
    this.#isEnabled = true;
    if (this.#integration.isPassive) this.#begin();
    else beginInTurn(this.name, this.#begin);
  }

  #install(): void {
    const { name, install } = this.#integration;
    const installation = createInstallation((message, error) => {
      diag.error(`${PACKAGE_NAME}: ${name}: ${message}`, error);
      hearComplaint('library', `${name}: ${message}: ${String(error)}`);
    });
    this.#installation = installation;
    // Half of its hooks would tell half of the truth.
    if (!this.#attempt(() => install?.(this.#host, installation))) installation.close();
    else for (const known of this.#known) this.#patch(known);
  }

  /** A file was loaded. */
  see(loaded: LoadedFile): void {
    const { packageName, folder, path, moduleExports } = loaded;
    const files = this.#files.filter((file) => file.packageName === packageName && file.path === path);
    if (files.length === 0) return;
    const version = versionIn(folder);
    const supported = files.filter(({ supportedVersions }) => isSupported(version, supportedVersions));
    if (supported.length === 0) this.#tellUnsupported(packageName, version, files);
    for (const file of supported) {
      if (this.#known.some((known) => known.file === file && known.moduleExports === moduleExports)) continue;
      const known = { file, moduleExports, version };
      this.#known.push(known);
      this.#patch(known);
    }
  }

  /** Files that were loaded when nobody was there to see it. */
  seeLate(files: readonly LoadedFile[]): void {
    const knownBefore = this.#known.length;
    for (const loaded of files) this.see(loaded);
    const late = this.#known.slice(knownBefore).map(({ file }) => file);
    for (const { packageName } of late) this.latePackages.add(packageName);
    for (const packageName of this.packageNames) {
      const missed = new Set(
        late.flatMap((file) => (file.packageName === packageName ? (file.missedWhenLate ?? []) : [])),
      );
      if (missed.size === 0) continue;
      const what = `${packageName} was loaded before this instrumentation was enabled`;
      complain('early', `${what}: ${[...missed].join(' and ')} are not seen`);
    }
  }

  /** Followed by letNextBegin(), when all that this instance has installed is taken out. */
  disable(): void {
    this.#isEnabled = false;
    this.#installation?.close();
    this.#installation = undefined;
    undoAll(this.#undos);
    this.#undos = [];
  }

  letNextBegin(): void {
    leaveTurn(this.name, this.#begin);
  }

  #patch({ file, moduleExports, version }: KnownFile): void {
    const installation = this.#installation;
    if (installation?.isActive !== true) return;
    this.#attempt(() => file.patch(moduleExports, this.#host, installation, version));
  }

  /** @returns whether it could be done */
  #attempt(install: () => Undo | undefined): boolean {
    try {
      const undo = install();
      if (undo !== undefined) this.#undos.push(undo);
      return true;
    } catch (error) {
      const what = `${this.#integration.name}: could not be installed`;
      diag.error(`${PACKAGE_NAME}: ${what}`, error);
      hearComplaint('library', `${what}: ${String(error)}`);
      return false;
    }
  }

  #tellUnsupported(packageName: string, version = 'of no version', files: readonly PackageFile[]): void {
    const found = `${packageName} ${version}`;
    if (this.#unsupported.has(found)) return;
    this.#unsupported.add(found);
    const ranges = new Set(files.flatMap(({ supportedVersions }) => supportedVersions));
    complain('library', `${found} is not instrumented: supported is ${[...ranges].join(' || ')}`);
  }
}

interface KnownFile {
  readonly file: PackageFile;
  readonly moduleExports: unknown;
  readonly version: string | undefined;
}

/** A copy that tells no version is taken only where any will do. */
function isSupported(version: string | undefined, ranges: readonly string[]): boolean {
  if (version === undefined) return ranges.includes('*');
  return ranges.some((range) => satisfies(version, range));
}
