/** Files of this package, whose frames say nothing about the application. */
import { fileURLToPath } from 'node:url';

/** dist/ or src/. */
const FOLDER = folderAbove(import.meta.url);

export function isOwnFile(path: string): boolean {
  return FOLDER !== undefined && path.startsWith(FOLDER);
}

/** Undefined in a bundle: its file is the application's as well, and in CommonJS it has no `import.meta.url`. */
function folderAbove(url: string | undefined): string | undefined {
  return /\/cancellation\/own-files\.[jt]s$/.test(url ?? '') ? fileURLToPath(new URL('..', url)) : undefined;
}
