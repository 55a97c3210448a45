/**
 * TypeScript of ours for a process that a test starts: the JavaScript that the runner has made of it; by a loader,
 * which takes half a second longer, where the test file was started without the runner.
 */
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where the runner has put it. */
const compiled = process.env.COMPILED_TESTS;

/** Of the process. */
export const scriptFlags: readonly string[] = compiled === undefined ? ['--import', 'tsx'] : [];

/**
 * @param path relative to `from`
 * @param from `import.meta.url`
 * @returns a URL to import
 */
export function scriptUrl(path: string, from: string): string {
  const source = new URL(path, from);
  if (compiled === undefined) return source.href;
  const output = join(compiled, relative(root, fileURLToPath(source)));
  return pathToFileURL(output.replace(/\.ts$/, '.js')).href;
}

/** The same as a file to start. */
export function scriptFile(path: string, from: string): string {
  return fileURLToPath(scriptUrl(path, from));
}
