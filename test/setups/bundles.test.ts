/** Applications that a bundler has put into one file, with this package in it: what is seen, and what is said to be lost. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ALL, assertSeen, HTTP, World } from '../worlds/world.ts';
import { installedTools } from './support/cache.ts';

const bundler = createRequire(
  join(
    installedTools('bundlers', [
      '@rollup/plugin-commonjs@29.0.3',
      '@rollup/plugin-json@6.1.0',
      '@rollup/plugin-node-resolve@16.0.3',
      '@rspack/core@2.3.3',
      '@vercel/ncc@0.45.0',
      'rollup@4.68.8',
      'webpack@5.112.2',
    ]),
    'index.js',
  ),
);

const world = new World({
  'visits.mjs': `import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';

export async function visitByFetch() {
  const server = http.createServer((_request, response) => server.emit('arrived', response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const controller = new AbortController();
  const answer = fetch('http://127.0.0.1:' + server.address().port, { signal: controller.signal });
  const failed = answer.catch(() => {});
  const [response] = await once(server, 'arrived');
  const closed = once(response, 'close');
  (function abortFetch() {
    controller.abort();
  })();
  await Promise.all([failed, closed]);
  server.close();
}

export async function visitByHttp2() {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    server.emit('arrived', stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = http2.connect('http://127.0.0.1:' + server.address().port);
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  const [incoming] = await once(server, 'arrived');
  const closed = once(incoming, 'close');
  (function closeStream() {
    stream.close(http2.constants.NGHTTP2_CANCEL);
  })();
  await closed;
  session.close();
  server.close();
}
`,
  'app.mjs': `import './setup.mjs';
import * as grpc from '@grpc/grpc-js';
import http from 'node:http';
import { visit } from './shop.cjs';
import { print } from './telemetry.cjs';
import { visitByFetch, visitByHttp2 } from './visits.mjs';

async function main() {
  await visit(grpc, http);
  await visitByFetch();
  await visitByHttp2();
  await print();
}
main();
`,
});
const entry = join(world.folder, 'app.mjs');

const IN_BUNDLE: readonly string[] = [
  'HTTP CLIENT canceled local abort in abortFetch',
  'HTTP SERVER canceled peer disconnect',
  'HTTP CLIENT canceled local cancel in closeStream',
  'HTTP SERVER canceled peer reset',
];

type Format = 'cjs' | 'esm';
/** Bundles app.mjs. @param outside what stays outside */
type Bundle = (outfile: string, format: Format, outside: readonly string[]) => Promise<void>;

/** webpack and rspack, whose interface is one. */
function packBy(pack: (options: object, done: (error: Error | null, stats: Stats) => void) => void): Bundle {
  return (filename, format, outside) =>
    new Promise((resolve, reject) => {
      const isEsm = format === 'esm';
      const options = {
        mode: 'production',
        optimization: { minimize: false }, // which takes the names away
        target: 'node20',
        context: world.folder,
        entry,
        externals: Object.fromEntries(
          outside.map((name) => [name, `${isEsm ? 'module' : 'commonjs'} ${name}`]),
        ),
        output: {
          path: world.folder,
          filename,
          ...(isEsm
            ? { module: true, chunkFormat: 'module', library: { type: 'module' } }
            : { library: { type: 'commonjs2' } }),
        },
        ...(isEsm && { experiments: { outputModule: true } }),
      };
      pack(options, (error, stats) => {
        const complaints = error?.message ?? stats.toString({ preset: 'errors-warnings' });
        if (error !== null || stats.hasErrors() || stats.hasWarnings()) reject(new Error(complaints));
        else resolve();
      });
    });
}

interface Stats {
  hasErrors(): boolean;
  hasWarnings(): boolean;
  toString(options: object): string;
}

const bundlers: Readonly<Record<string, Bundle>> = {
  webpack: packBy(bundler('webpack')),
  rspack: packBy(bundler('@rspack/core').rspack),
  async rollup(filename, format, outside) {
    const { rollup } = bundler('rollup');
    const bundle = await rollup({
      input: entry,
      external: (id: string) => id.startsWith('node:') || outside.some((name) => id.endsWith(name.slice(1))),
      plugins: [
        bundler('@rollup/plugin-node-resolve').nodeResolve({ preferBuiltins: true }),
        bundler('@rollup/plugin-commonjs')(),
        bundler('@rollup/plugin-json')(),
      ],
      logLevel: 'silent', // of circular imports in others' code
    });
    await bundle.write({ format, file: join(world.folder, filename), inlineDynamicImports: true });
    await bundle.close();
  },
  async ncc(filename, format, outside) {
    const { code } = await bundler('@vercel/ncc')(entry, {
      externals: outside,
      esm: format === 'esm',
      cache: false,
      quiet: true,
    });
    world.write(filename, code);
  },
};

const OUTSIDE = ['./telemetry.cjs', './shop.cjs'];

describe('an application with this package in its bundle', () => {
  after(() => world.remove());

  for (const [name, bundle] of Object.entries(bundlers)) {
    for (const format of ['cjs', 'esm'] as const) {
      it(`by ${name} as ${format}, grpc-js outside, is seen`, async () => {
        const outfile = `${name}.${format === 'cjs' ? 'cjs' : 'mjs'}`;
        await bundle(outfile, format, [...OUTSIDE, '@grpc/grpc-js']);
        // The imports of an ES module come before all else, the set-up included. rollup requires as early.
        const isLate = format === 'esm' || name === 'rollup';
        assertSeen(
          await world.run(outfile),
          [...ALL, ...IN_BUNDLE],
          isLate ? [/@grpc\/grpc-js was loaded before/] : [],
        );
      });
    }

    it(`by ${name}, grpc-js in it, is told that its calls are lost`, async () => {
      const outfile = `${name}-all.cjs`;
      await bundle(outfile, 'cjs', OUTSIDE);
      const report = await world.run(outfile);
      assertSeen(
        report,
        [...HTTP, ...IN_BUNDLE],
        [/@grpc\/grpc-js is bundled in .*: its calls are not seen/],
      );
      assert.ok(report.diagnostics[0]?.includes(outfile));
    });
  }
});
