/**
 * Puts the packages that `register` uses of OpenTelemetry's SDK into the compiled files that name them, in the
 * place of their imports. Only `@opentelemetry/api` stays outside: it is what all SDKs of a thread share.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const NOTICE = 'dist/register/LICENSES.txt';
const SHARED = '@opentelemetry/api';

export async function bundleSdk(root: string): Promise<void> {
  const inputs = [
    ...(await bundle(root, 'dist/register/sdk-packages.js', [SHARED])),
    // A thread of its own shares nothing. Whole, it starts wherever the application's packages are: in an archive, say.
    ...(await bundle(root, 'dist/register/export-worker.js', [])),
  ];
  for (const extension of ['js', 'd.ts']) rmSync(join(root, `dist/register/exporter-packages.${extension}`));
  writeFileSync(join(root, NOTICE), noticeOf(root, inputs));
}

/** @returns the files that are in it */
async function bundle(root: string, entry: string, shared: readonly string[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: 'dist/register',
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    // Names stay what they are: they are in stacks, and classes are told by theirs.
    minifyIdentifiers: false,
    legalComments: 'none',
    banner: { js: `/* Bundled packages and their licences: ${NOTICE.split('/').at(-1)} */` },
    plugins: [oneCopy(root), importedByRequire(shared)],
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.inputs);
}

/** npm may have installed a package in two patch versions; they are one in here. */
function oneCopy(root: string): Plugin {
  return {
    name: 'one-copy',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^@opentelemetry\// }, async ({ path, kind, pluginData }) => {
        if (pluginData === 'one-copy') return undefined;
        return await resolve(path, { resolveDir: root, kind, pluginData: 'one-copy' });
      });
    },
  };
}

/** An ES module has no require(): what stays outside is imported for the CommonJS files in here. */
export function importedByRequire(shared: readonly string[]): Plugin {
  const outside = new Set([...shared, ...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);
  return {
    name: 'imported-by-require',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, kind }) => {
        if (!outside.has(path)) return undefined;
        return kind === 'require-call' ? { path, namespace: 'imported' } : { path, external: true };
      });
      onLoad({ filter: /./, namespace: 'imported' }, ({ path }) => ({
        contents: `export * from ${JSON.stringify(path)};`,
      }));
    },
  };
}

export function noticeOf(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []));
  const packages = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    return { name, title: `${name} ${version} (${license})`, text: licenceIn(join(root, folder)) };
  });
  const texts = new Set(packages.map(({ text }) => text));
  return [...texts]
    .map((text) => {
      const titles = packages.filter((each) => each.text === text).map(({ title }) => title);
      return `${titles.join('\n')}\n\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function licenceIn(folder: string): string {
  const file = join(folder, 'LICENSE');
  if (!existsSync(file)) throw new Error(`${folder} has no file LICENSE: its licence cannot be passed on`);
  return readFileSync(file, 'utf8');
}
