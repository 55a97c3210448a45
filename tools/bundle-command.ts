/** Puts what the command needs of other packages into its files, and the page that it serves beside them. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { importedByRequire, noticeOf } from './bundle-sdk.ts';

const FOLDER = 'dist/cli';
const PAGE = 'src/desk/page';
/** Only the command is made of these. */
const PARTS = ['capture', 'cli', 'comply', 'desk', 'receiver', 'recording', 'spans', 'timeline'];

export async function bundleCommand(root: string): Promise<void> {
  const common = {
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  } as const;
  const banner = { js: '/* Bundled packages and their licences: LICENSES.txt */' };
  const command = await build({
    ...common,
    entryPoints: ['src/cli/main.ts', 'src/cli/parts.ts'],
    outdir: FOLDER,
    // What a command does not need is not loaded for it.
    splitting: true,
    chunkNames: '[name]-[hash]',
    minifyIdentifiers: false,
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    banner,
    plugins: [importedByRequire([])],
    write: false,
  });
  // Preloaded by --require, which may come before any ES module.
  const inspector = await build({
    ...common,
    entryPoints: ['src/cli/doctor/inspector.ts'],
    outfile: `${FOLDER}/inspector.cjs`,
    format: 'cjs',
    minifyIdentifiers: false,
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    write: false,
  });
  const page = await build({
    ...common,
    entryPoints: [`${PAGE}/main.tsx`, `${PAGE}/main.css`],
    outdir: `${FOLDER}/page`,
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    banner: { js: banner.js.replace('LICENSES', '../LICENSES') },
    write: false,
  });
  for (const part of PARTS) rmSync(join(root, 'dist', part), { recursive: true, force: true });
  for (const { path, contents } of [...command.outputFiles, ...inspector.outputFiles, ...page.outputFiles]) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, contents);
  }
  for (const name of ['index.html', 'icon.svg'])
    cpSync(join(root, PAGE, name), join(root, FOLDER, 'page', name));
  const inputs = [command, inspector, page].flatMap(({ metafile }) => Object.keys(metafile.inputs));
  writeFileSync(join(root, FOLDER, 'LICENSES.txt'), noticeOf(root, inputs));
}
