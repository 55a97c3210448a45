/**
 * Files of packages, in whatever copies of the package: those that are loaded already, and those to come.
 *
 * They are seen in `Module.prototype.load`, through which Node takes every file that it loads as CommonJS, once: by
 * require(), by the import of an ES module, under hooks of `module.register` and `module.registerHooks`. Others
 * replace what is above it (`Module.prototype.require`, `Module._load`) or below (`Module._extensions`), and the
 * loaders of tsx and others leave the latter out; nobody has a reason to replace this one. Only under a loader that
 * hands over the source of CommonJS files by itself does Node go another way: those files are seen by the next enable().
 */
import fs from 'node:fs';
import nodeModule from 'node:module';
import { join, sep } from 'node:path';
import { replaceFunction, type Undo } from './replace.ts';

export interface LoadedFile {
  readonly packageName: string;
  /** Where the copy of the package is. */
  readonly folder: string;
  /** In that folder, with `/` on every platform. */
  readonly path: string;
  readonly moduleExports: unknown;
}

/** Not those that are just being loaded: their exports are not complete. */
export function loadedFiles(packageNames: readonly string[]): LoadedFile[] {
  // Any file will do, as all share one cache; import.meta.url is not there in a bundle. Called as a method, since
  // webpack takes an imported createRequire() for its own.
  const { cache } = nodeModule.createRequire(process.execPath);
  return Object.values(cache).flatMap((module) =>
    module?.loaded === true ? fileOf(module, packageNames) : [],
  );
}

/** @param see is called after the file has run, before whoever asked for it gets its exports; never throws */
export function watchFiles(packageNames: readonly string[], see: (file: LoadedFile) => void): Undo {
  let isWatching = true;
  const undo = replaceFunction(nodeModule.prototype, 'load', (load) => {
    return function (this: NodeJS.Module, ...args: unknown[]): unknown {
      const result: unknown = Reflect.apply(load, this, args);
      if (isWatching) for (const file of fileOf(this, packageNames)) see(file);
      return result;
    };
  });
  return () => {
    isWatching = false;
    undo();
  };
}

/** Of the copy of a package in this folder. Undefined where it has none, or no manifest. */
export function versionIn(folder: string): string | undefined {
  try {
    // As a method: Yarn replaces it, to read what is zipped.
    const { version } = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8'));
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

/** One, or none when it belongs to no such package. */
function fileOf(
  { filename, exports: moduleExports }: NodeJS.Module,
  packageNames: readonly string[],
): LoadedFile[] {
  if (typeof filename !== 'string') return [];
  for (const packageName of packageNames) {
    const inside = `${sep}node_modules${sep}${packageName.replaceAll('/', sep)}${sep}`;
    const at = filename.lastIndexOf(inside);
    if (at < 0) continue;
    const end = at + inside.length;
    const path = filename.slice(end).replaceAll(sep, '/');
    if (path.includes('/node_modules/') || path.startsWith('node_modules/')) continue;
    return [{ packageName, folder: filename.slice(0, end - 1), path, moduleExports }];
  }
  return [];
}
