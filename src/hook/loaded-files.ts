/** Files of a package that are loaded already, in whatever copies of it: module hooks see only what comes. */
import { createRequire } from 'node:module';
import { sep } from 'node:path';

export interface LoadedPackageFile {
  /** Package name and path in it, with the separators of the platform. */
  readonly name: string;
  /** Where the copy of the package is. */
  readonly baseDir: string;
  readonly moduleExports: unknown;
}

// Any file will do, as all share one cache; import.meta.url is not there in a bundle.
const { cache } = createRequire(process.execPath);

/** Not those that are just being loaded: their exports are not complete. */
export function loadedFiles(packageName: string): LoadedPackageFile[] {
  const folder = `${sep}node_modules${sep}${packageName.replaceAll('/', sep)}${sep}`;
  const found: LoadedPackageFile[] = [];
  for (const [filename, module] of Object.entries(cache)) {
    const at = filename.lastIndexOf(folder);
    if (at < 0 || module?.loaded !== true) continue;
    const end = at + folder.length;
    const path = filename.slice(end);
    if (path.includes(`${sep}node_modules${sep}`)) continue;
    found.push({
      name: `${packageName.replaceAll('/', sep)}${sep}${path}`,
      baseDir: filename.slice(0, end - 1),
      moduleExports: module.exports,
    });
  }
  return found;
}
