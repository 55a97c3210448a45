/**
 * Makes JavaScript of all of src/ and test/ at once, into .cache/tests: a loader in each of the many processes would
 * take longer than most of the tests. Files know nothing of it: `import.meta` and stacks name what they were made of.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

export type Compiled = {
  readonly outdir: string;
  /** The JavaScript of a source file. */
  outputOf(source: string): string;
  /** A source file and all of ours that it imports, directly or not. */
  reachableFrom(source: string): Set<string>;
};

export async function compile(root: string): Promise<Compiled> {
  const outdir = join(root, '.cache/tests');
  const imports = new Map<string, string[]>();
  const { outputFiles } = await build({
    entryPoints: ['src', 'test'].flatMap((folder) => sourcesIn(join(root, folder))),
    outdir,
    outbase: root,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    keepNames: true,
    sourcemap: 'inline',
    sourcesContent: false,
    // Only so that the plugin is asked about imports; nothing is put together.
    bundle: true,
    plugins: [oneByOne(imports)],
    define: Object.fromEntries(metaNames.map((name) => [`import.meta.${name}`, `import_meta_${name}`])),
    write: false,
  });
  for (const { path, text } of outputFiles) writeWhole(path, text);
  return {
    outdir,
    outputOf: (source) => join(outdir, relative(root, source)).replace(/\.ts$/, '.js'),
    reachableFrom(source) {
      const reached = new Set([source]);
      for (const file of reached) for (const imported of imports.get(file) ?? []) reached.add(imported);
      return reached;
    },
  };
}

const metaNames = ['url', 'filename', 'dirname'] as const;

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

/** @param imports is filled: of each file those that it imports */
function oneByOne(imports: Map<string, string[]>): Plugin {
  return {
    name: 'one by one',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^/ }, ({ kind, path, importer }) => {
        if (kind === 'entry-point') return undefined;
        if (!path.startsWith('.')) return { path, external: true };
        const imported = resolve(dirname(importer), path);
        // One that is missing fails the test that imports it, not all of them.
        if (existsSync(imported)) imports.set(importer, [...(imports.get(importer) ?? []), imported]);
        // What is no TypeScript stays where it is.
        const external = path.endsWith('.ts') ? path.replace(/ts$/, 'js') : pathToFileURL(imported).href;
        return { path: external, external: true };
      });
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const values = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) };
        const meta = metaNames.map((name) => `import_meta_${name} = ${JSON.stringify(values[name])}`);
        // On the first line, so that the others keep their numbers.
        const text = readFileSync(path, 'utf8').replace(/^#!/, '//');
        return { loader: 'ts', contents: `const ${meta.join(', ')}; ${text}` };
      });
    },
  };
}

/** Two runs may compile at once, and none may read half a file. */
function writeWhole(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
