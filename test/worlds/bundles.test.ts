import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type BuildOptions, build } from 'esbuild';
import { ALL, assertSeen, HTTP, World } from './world.ts';

const APP = `import * as grpc from '@grpc/grpc-js';
import http from 'node:http';
import { visit } from './shop.cjs';
import { print } from './telemetry.cjs';
visit(grpc, http).then(print);
`;

const world = new World({ 'app.ts': APP, 'whole.ts': `import './setup.mjs';\n${APP}` });
const setup = join(world.folder, 'setup.mjs');

/**
 * The set-up and the application share telemetry.cjs, which is bundled with neither: in it is CommonJS that requires
 * modules of Node, which no bundle that is an ES module can hold. So does shop.cjs.
 */
async function bundle(entry: string, outfile: string, options: BuildOptions): Promise<void> {
  await build({
    absWorkingDir: world.folder,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    ...options,
  });
}

function outsideOf(format: 'cjs' | 'esm'): string[] {
  return format === 'cjs' ? ['./telemetry.cjs'] : ['./telemetry.cjs', './shop.cjs'];
}

describe('an application that esbuild has bundled', () => {
  after(() => world.remove());

  for (const format of ['cjs', 'esm'] as const) {
    const extension = format === 'cjs' ? 'cjs' : 'mjs';

    it(`as ${format}, its packages kept outside, is seen after --import`, async () => {
      const outfile = `app.${extension}`;
      await bundle('app.ts', outfile, { format, external: ['@grpc/*', ...outsideOf(format)] });
      assertSeen(await world.run('--import', setup, outfile), ALL);
    });

    it(`as ${format}, minified, is seen after --import`, async () => {
      const outfile = `app.min.${extension}`;
      // Names stay, so that origins can be read.
      const options = { minify: true, keepNames: true };
      await bundle('app.ts', outfile, { ...options, format, external: ['@grpc/*', ...outsideOf(format)] });
      assertSeen(await world.run('--import', setup, outfile), ALL);
    });

    it(`as ${format}, with the instrumentation in it and grpc-js outside, is seen`, async () => {
      const outfile = `whole.${extension}`;
      await bundle('whole.ts', outfile, { format, external: ['@grpc/grpc-js', ...outsideOf(format)] });
      // The imports of a bundle that is an ES module come before all else, the set-up included.
      const diagnostics = format === 'esm' ? [/@grpc\/grpc-js was loaded before/] : [];
      assertSeen(await world.run(outfile), ALL, diagnostics);
    });
  }

  it('together with grpc-js runs, only its HTTP is seen, and that is said', async () => {
    await bundle('whole.ts', 'all.cjs', {
      format: 'cjs',
      external: outsideOf('cjs'),
      minify: true,
      keepNames: true,
    });
    assertSeen(await world.run('all.cjs'), HTTP, [
      /@grpc\/grpc-js is bundled in .*all\.cjs: its calls are not seen/,
    ]);
  });
});
