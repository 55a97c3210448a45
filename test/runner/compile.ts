/**
 * Makes JavaScript of all of src/, test/ and tools/ at once, into .cache/tests: a loader in each of the many processes would
 * take longer than most of the tests. Types become blanks, so each line and column stays where it was, and no process
 * pays for source maps. Files know nothing of it: `import.meta` and stacks name what they were made of.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'amaro';
import { init, parse } from 'es-module-lexer/minimal';

export type Compiled = {
  readonly outdir: string;
  /** The JavaScript of a source file. */
  outputOf(source: string): string;
  /** A source file and all of ours that it imports, directly or not. */
  reachableFrom(source: string): Set<string>;
};

export async function compile(root: string): Promise<Compiled> {
  await init();
  const outdir = join(root, '.cache/tests');
  const outputOf = (source: string) => join(outdir, relative(root, source)).replace(/\.ts$/, '.js');
  const imports = new Map<string, string[]>();
  for (const source of ['src', 'test', 'tools'].flatMap((folder) => sourcesIn(join(root, folder)))) {
    const { code, imported } = javaScriptOf(source);
    imports.set(source, imported);
    writeWhole(outputOf(source), code);
  }
  return {
    outdir,
    outputOf,
    reachableFrom(source) {
      const reached = new Set([source]);
      for (const file of reached) for (const imported of imports.get(file) ?? []) reached.add(imported);
      return reached;
    },
  };
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

function javaScriptOf(source: string): { code: string; imported: string[] } {
  const text = readFileSync(source, 'utf8').replace(/^#!/, '//');
  const { code } = transformSync(text, { mode: 'strip-only', filename: source });
  const url = pathToFileURL(source).href;
  const values = { url, filename: source, dirname: dirname(source) };
  const meta = Object.entries(values).map(
    ([name, value]) => `import_meta_${name} = ${JSON.stringify(value)}`,
  );
  const imported: string[] = [];
  const pieces: string[] = [];
  let done = 0;
  const replace = (start: number, end: number, by: string) => {
    pieces.push(code.slice(done, start), by);
    done = end;
  };
  for (const { n: specifier, s: start, e: end, d: kind } of parse(code, source)[0]) {
    // With the name behind it: import_meta_url.
    if (kind === isMeta && /^\.(url|filename|dirname)\b/.test(code.slice(end)))
      replace(start, end + 1, 'import_meta_');
    if (specifier === undefined || !specifier.startsWith('.')) continue;
    const file = resolve(dirname(source), specifier);
    // One that is missing fails the test that imports it, not all of them.
    if (existsSync(file)) imported.push(file);
    // What is no TypeScript stays where it is.
    const name = file.endsWith('.ts') ? specifier.replace(/ts$/, 'js') : pathToFileURL(file).href;
    replace(start, end, kind === isStatic ? name : JSON.stringify(name));
  }
  pieces.push(code.slice(done));
  // Before the first line, which is no line more; a stack tells the name at the end.
  return { code: `const ${meta.join(', ')}; ${pieces.join('')}\n//# sourceURL=${url}\n`, imported };
}

/** What the lexer calls them. */
const isStatic = -1;
const isMeta = -2;

/** Two runs may compile at once, and none may read half a file. */
function writeWhole(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
