/** Copies of packages that are installed for a folder: in its node_modules and those above it, however deep. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Copy {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

/** Where pnpm has the packages themselves. */
const STORE = '.pnpm';

export function installedCopies(folder: string, isWanted: (name: string) => boolean): Copy[] {
  const copies = new Map<string, Copy>();
  const take = (name: string, place: string): void => {
    if (!isWanted(name)) return;
    const real = realpathSync(place);
    const version = manifestIn(real)?.version;
    if (typeof version === 'string') copies.set(real, { name, version, folder: real });
  };
  const walk = (modules: string): void => {
    for (const { name, isLink } of entriesOf(modules)) {
      if (name === STORE) {
        for (const stored of entriesOf(join(modules, name)))
          walk(join(modules, name, stored.name, 'node_modules'));
      } else if (name.startsWith('@') && !isLink) {
        for (const scoped of entriesOf(join(modules, name)))
          visit(modules, `${name}/${scoped.name}`, scoped.isLink);
      } else if (!name.startsWith('.')) visit(modules, name, isLink);
    }
  };
  const visit = (modules: string, name: string, isLink: boolean): void => {
    const place = join(modules, name);
    take(name, place);
    // What it leads to has dependencies of its own where it is.
    if (!isLink) walk(join(place, 'node_modules'));
  };
  for (const above of foldersAbove(folder)) walk(join(above, 'node_modules'));
  return [...copies.values()];
}

/** Of Yarn's Plug'n'Play, which has no node_modules to look through. */
export function isPlugAndPlay(folder: string): boolean {
  return foldersAbove(folder).some((above) => existsSync(join(above, '.pnp.cjs')));
}

export interface Manifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly type?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
  readonly engines?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Undefined: there is none that can be read. */
export function manifestIn(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

/** From itself up to the root. */
export function foldersAbove(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersAbove(parent)];
}

function entriesOf(folder: string): { name: string; isLink: boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => ({ name: entry.name, isLink: entry.isSymbolicLink() }));
  } catch {
    return []; // not there, or not for us to read
  }
}
