/**
 * TypeScript of ours for a process that a test starts: the JavaScript that the runner has made of it. A loader would make the process start later, and its
 * source maps would make stacks, and so cancels, slower than they are.
 */
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compile } from '../runner/compile.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where the runner has put it; made now where there is no runner. */
const compiled = process.env.COMPILED_TESTS ?? (await compile(root)).outdir;

/**
 * @param path relative to `from`
 * @param from `import.meta.url`
 * @returns a URL to import
 */
export function scriptUrl(path: string, from: string): string {
  const source = new URL(path, from);
  const output = join(compiled, relative(root, fileURLToPath(source)));
  return pathToFileURL(output.replace(/\.ts$/, '.js')).href;
}

/** The same as a file to start. */
export function scriptFile(path: string, from: string): string {
  return fileURLToPath(scriptUrl(path, from));
}
